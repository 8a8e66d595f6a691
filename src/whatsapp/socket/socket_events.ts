import type { BaileysEventMap, BinaryNode, WAMessage } from "@whiskeysockets/baileys";
import type { Call } from "../inbound/calls.ts";
import type { UndecryptableReason } from "../inbound/undecryptable.ts";
import type { Receipt } from "../receipts/receipt_stanzas.ts";
import type { Effect } from "../signal/signal_keys.ts";
import type { ReachoutTimelock } from "../vitals/vitals.ts";
import type { Closure } from "./close_codes.ts";

/** Who the phone turned out to be. */
export interface LinkedAccount {
  /** With the number of this device: `221771234567:3@s.whatsapp.net`. */
  readonly jid: string;
  readonly lid: string | null;
  readonly pushName: string | null;
}

/** A QR the server offers. */
export interface QrOffer {
  readonly qr: string;
  /** How many more the socket shows after this one; with the last one it ends. */
  readonly left: number;
}

/** What the phone says of a medium that it was asked for, on whichever socket, however much later. */
export type MediaUpdate = BaileysEventMap["messages.media-update"][number];

/** What happens on a socket. Handlers are called in the order things happened and must not throw. */
export interface SocketEvents {
  /** A QR to show; the first lives longer than those after it. */
  onQr(offer: QrOffer): void;
  /** It is logged in, and WhatsApp answers what is asked on it. */
  onOpen(account: LinkedAccount): void;
  /** Called once; nothing follows. */
  onClose(closure: Closure): void;
  /**
   * A message was decrypted. The effect becomes durable together with the keys that it used up, and only then is WhatsApp
   * told that the message has arrived.
   */
  onDecrypted(message: WAMessage): Promise<Effect>;
  /** A message came that nobody encrypted. WhatsApp is told that it has arrived when this resolves. */
  onPlain(message: WAMessage): Promise<void>;
  /** A message could not be decrypted. WhatsApp is told that it has arrived, or asked for it again, when this resolves. */
  onUndecryptable(message: WAMessage, reason: UndecryptableReason): Promise<void>;
  /** A message was announced whose content this device is never given. WhatsApp is told of it when this resolves. */
  onLost(message: WAMessage, reason: UndecryptableReason): Promise<void>;
  /** A call has changed. WhatsApp is told that it was heard when this resolves. */
  onCall(call: Call): Promise<void>;
  /** A message was announced without its content. WhatsApp is told that it has arrived when this resolves. */
  onUnavailable(message: WAMessage): Promise<void>;
  /** Messages of every kind, those that were decrypted or came in the clear again. */
  onMessages(messages: WAMessage[]): void;
  /** How far messages have come. WhatsApp is told that the receipt has arrived when this resolves. */
  onReceipt(receipt: Receipt): Promise<void>;
  /** WhatsApp's server took a message, or refused it with an error code. */
  onAck(whatsappId: string, error: string | undefined): void;
  /** A stanza of any kind came in. Called before anybody else gets it. */
  onStanza(stanza: BinaryNode): void;
  /** The phone says where a medium is that it was asked for, or that it has none. */
  onMediaUpdate(update: MediaUpdate): void;
  /** A question was answered after so long. */
  onRoundTrip(ms: number): void;
  /** WhatsApp said whether the number may write to new people. */
  onTimelock(timelock: ReachoutTimelock): void;
  /** WhatsApp refused a message to somebody new; called before {@link onAck} is. */
  onRefusedNew(): void;
}
