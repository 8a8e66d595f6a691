/** What the parts of one stand-in share. */
import type { Directory } from "./directory.ts";
import type { Faults } from "./faults.ts";
import type { Feed } from "./feed.ts";
import type { Group } from "./groups.ts";
import type { MediaHost } from "./media_host.ts";
import type { Pairing } from "./pairing.ts";

/** Counters and complaints of one stand-in, for tests to look at. */
export class Stats {
  /** Handshakes completed. */
  links = 0;
  /** How often a client shook hands while it still had another link. */
  overlaps = 0;
  /** The versions of WhatsApp Web that clients said they are, one a handshake. */
  readonly versions: string[] = [];
  pairings = 0;
  /** Requests for a pairing code, refused ones included. */
  codesAsked = 0;
  logins = 0;
  /** Devices that asked to be unlinked, refused ones included. */
  unlinks = 0;
  /** Queries that were left without an answer. */
  unanswered = 0;
  /** Phone numbers that clients asked for. */
  numberChecks = 0;
  /** Message stanzas clients sent, refused ones included. */
  messages = 0;
  /** Stanzas delivered again because the client never confirmed them. */
  redelivered = 0;
  /** Messages clients could not decrypt and asked for again. */
  retries = 0;
  /** Messages clients turned down for good: they are neither shown nor asked for again. */
  turnedDown = 0;
  /** Prekeys clients uploaded. */
  preKeys = 0;
  /** Requests the stand-in has no answer for; the client got "feature-not-implemented". */
  readonly unknown: string[] = [];
  /** What a client did against the protocol, one sentence each. Empty in a good run. */
  readonly violations: string[] = [];
}

/** The shared state and services. */
export interface Hub {
  readonly directory: Directory;
  readonly faults: Faults;
  /** By JID. */
  readonly groups: Map<string, Group>;
  readonly stats: Stats;
  /** Registrations waiting to be scanned. */
  readonly pairings: Set<Pairing>;
  /** Registrations that have asked for a pairing code. */
  readonly codeRequests: Feed<Pairing>;
  readonly media: MediaHost;
  /** Where that is, as the server names it: host and port. */
  mediaHost(): string;
  /** Aborted when the stand-in closes. */
  readonly closed: AbortSignal;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs work nobody awaits; a failure becomes a violation instead of an unhandled rejection. */
  background(what: string, work: () => Promise<void>): void;
}
