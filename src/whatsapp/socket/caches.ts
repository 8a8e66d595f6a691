import type { CacheStore, UserFacingSocketConfig, WASocket } from "@whiskeysockets/baileys";

/** Options of {@link BoundedCache}. */
export interface BoundedCacheOptions {
  readonly maxEntries: number;
  readonly lifetimeMs: number;
  /** @default Date.now */
  readonly now?: () => number;
}

/**
 * A cache for Baileys, whose own hold on to whatever comes until its time is up, however much that is: of somebody who
 * writes to 100,000 people, a hundred megabytes for each number. When it is full the oldest entry goes. Nothing in it ticks.
 */
export class BoundedCache implements CacheStore {
  readonly #options: BoundedCacheOptions;
  /** The oldest first. */
  readonly #entries = new Map<string, { readonly value: unknown; readonly expiresAtMs: number }>();

  constructor(options: BoundedCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get<T>(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAtMs > this.#now() ? entry.value as T : undefined;
  }

  set(key: string, value: unknown): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAtMs: this.#now() + this.#options.lifetimeMs });
    if (this.#entries.size > this.#options.maxEntries) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
  }

  del(key: string): void {
    this.#entries.delete(key);
  }

  /** As Baileys' own caches name it, */
  flushAll(): void {
    this.#entries.clear();
  }

  /** and as its map of LIDs does. */
  clear(): void {
    this.#entries.clear();
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

const MINUTE_MS = 60_000;
/** Members of the largest group: each message to it asks for the devices of all of them. */
const DEVICES_OF_USERS = 1_024;
const LID_MAPPINGS = 2 * DEVICES_OF_USERS;
/** Calls that ring, and messages that the phone was asked for. */
const OPEN_REQUESTS = 256;

/** The caches of one socket, which live as long as Baileys' own. */
export function socketCaches() {
  const lasting = (maxEntries: number, minutes: number) =>
    new BoundedCache({ maxEntries, lifetimeMs: minutes * MINUTE_MS });
  return {
    userDevicesCache: lasting(DEVICES_OF_USERS, 5),
    callOfferCache: lasting(OPEN_REQUESTS, 5),
    placeholderResendCache: lasting(OPEN_REQUESTS, 60),
  } satisfies Partial<UserFacingSocketConfig>;
}

/**
 * Bounds what a Signal repository remembers of who is behind which LID. Its own memory of that grows with every contact,
 * by two entries with a timer of three days each; what is not in it is in the store.
 */
export function boundLidMappings(lidMapping: object): void {
  if (!("mappingCache" in lidMapping)) {
    throw new TypeError("Cannot bound the LID mappings as Baileys keeps none");
  }
  lidMapping.mappingCache = new BoundedCache({ maxEntries: LID_MAPPINGS, lifetimeMs: 24 * 60 * MINUTE_MS });
}

/**
 * Keeps Baileys from holding the latest 512 messages of both directions, and with each the 8 KiB its bytes are a part of,
 * for contacts that ask for one again: what was sent is in the ledger. What Baileys sends on its own account is not, and is
 * of the protocol without being about another message.
 */
export function spareRecentMessages(messageRetryManager: WASocket["messageRetryManager"]): void {
  if (messageRetryManager === null) return;
  const add = messageRetryManager.addRecentMessage.bind(messageRetryManager);
  messageRetryManager.addRecentMessage = (to, id, message) => {
    if (message.protocolMessage && !message.protocolMessage.key) add(to, id, message);
  };
}
