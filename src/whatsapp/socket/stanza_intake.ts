import type { BinaryNode, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { OwnAccount } from "../identities.ts";
import { callIn } from "../inbound/calls.ts";
import { plainMessages } from "../inbound/plain_messages.ts";
import type { Stanzas } from "../inbound/stanzas.ts";
import { lostIn, unavailableIn } from "../inbound/unavailable.ts";
import { receiptsOf } from "../receipts/receipt_stanzas.ts";
import type { Backlog } from "./backlog.ts";
import { takeInOrder } from "./in_order.ts";
import type { MarkedResends } from "./marked_resends.ts";
import type { SocketEvents } from "./socket_events.ts";

/** Options of {@link takeStanzas}. */
export interface StanzaIntakeOptions {
  readonly events: Pick<
    SocketEvents,
    "onPlain" | "onUnavailable" | "onLost" | "onCall" | "onReceipt"
  >;
  readonly stanzas: Stanzas;
  readonly resends: MarkedResends;
  /** Who the phone is, as far as it is known. */
  readonly account: () => OwnAccount;
  readonly backlog: Backlog;
  /** Once true, stanzas that still wait are left to be delivered to the next socket. */
  readonly isOver: () => boolean;
  readonly log: Logger;
}

/**
 * Tells what stanzas bring before Baileys gets them, which acknowledges them: what is told has to be durable by then. What
 * is encrypted in them is told when it is decrypted.
 */
export function takeStanzas(
  ws: WASocket["ws"],
  { events, stanzas, resends, account, backlog, isOver, log }: StanzaIntakeOptions,
): void {
  const onError = (error: unknown) => log.error({ err: error }, "a stanza of WhatsApp could not be taken");
  const takePlain = async (stanza: BinaryNode) => {
    for (const message of plainMessages(stanza)) await events.onPlain(message);
  };
  const first: Readonly<Record<string, (stanza: BinaryNode) => Promise<void>>> = {
    "CB:message": async (stanza) => {
      stanzas.add(stanza);
      await takePlain(stanza);
      const unavailable = unavailableIn(stanza, account());
      if (unavailable !== undefined) await events.onUnavailable(unavailable);
      const lost = lostIn(stanza, account());
      if (lost !== undefined) await events.onLost(lost.message, lost.reason);
    },
    "CB:notification": takePlain,
    "CB:call": async (stanza) => {
      const call = callIn(stanza);
      if (call !== undefined) await events.onCall(call);
    },
    "CB:receipt": async (stanza) => {
      resends.receipt(stanza);
      for (const receipt of receiptsOf(stanza)) await events.onReceipt(receipt);
    },
  };
  for (const [event, take] of Object.entries(first)) {
    takeInOrder(ws, event, { first: take, backlog, isOver, onError });
  }
}
