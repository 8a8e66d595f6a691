import type { proto } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Store } from "../../store/store.ts";
import type { AddressGuard } from "../media/outgoing/address_guard.ts";
import type { OutgoingMedia } from "../media/outgoing/outgoing_media.ts";
import type { Socket } from "../socket/socket.ts";

/** What messages are made with, beside their commands. */
export interface ComposeContext {
  /** Digits. */
  readonly numberId: string;
  /** The number's socket, open when it was handed over. */
  readonly socket: Socket;
  readonly store: Store;
  /** Brings media to WhatsApp. */
  readonly media: OutgoingMedia;
  /** Says which hosts may be asked for what a message names. */
  readonly guard: AddressGuard;
  readonly now: () => number;
  readonly log: Logger;
  /** Aborts when nobody waits for the message any more. */
  readonly signal: AbortSignal;
}

/** A message as it will go out: what becomes durable before WhatsApp hears of it. */
export interface Composition {
  readonly message: proto.IMessage;
  /** What the backend should know of it although it goes out, as fields of its `SENT`. */
  readonly remarks?: Readonly<Record<string, unknown>>;
}
