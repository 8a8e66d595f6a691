import type { WAMessage } from "@whiskeysockets/baileys";
import type { Announcer } from "../../announcer.ts";
import type { Store } from "../../store/store.ts";
import type { UndecryptableMessage } from "../../store/undecryptable.ts";
import { pause } from "../../waiting.ts";
import { person } from "../identities.ts";
import type { Inbound, Recipient, Telling } from "./inbound.ts";

/**
 * How long a message may take to come once more, on an open socket, before the backend is told that it could not be
 * decrypted. Its sender's phone answers within seconds, if it is on.
 */
const PATIENCE_MS = 60_000;
/** While there is nothing to wait for. */
const LONGEST_WAIT_MS = 24 * 60 * 60_000;
/** What it is remembered as, beside the message itself, which may still come. */
const ASPECT = "undecryptable";

/** Why there is nothing to be read. */
export type UndecryptableReason =
  /** It was encrypted for another session or with another key. */
  | "cannot_decrypt"
  /** It was announced without its content. */
  | "no_content"
  /** It is to be seen once, on the phone alone. */
  | "view_once";

/** Options of {@link Unread}. */
export interface UnreadOptions {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly inbound: Inbound;
  readonly now: () => number;
  /** @default 60 s */
  readonly patienceMs?: number | undefined;
}

/** The messages of one number that could not be decrypted: each is told once, when it has had its chance to come again. */
export class Unread {
  readonly #options: UnreadOptions;
  #noted = new AbortController();

  constructor(options: UnreadOptions) {
    this.#options = options;
  }

  /** Resolves when it is durable that a message could not be decrypted. */
  async note(message: WAMessage, reason: UndecryptableReason, to: Recipient): Promise<void> {
    const { store, inbound } = this.#options;
    const { key, messageTimestamp, pushName, category } = message;
    await to.identities.complete(message);
    // What devices tell each other is nobody's message; what is there already was decrypted before.
    if (category === "peer" || !key.remoteJid || !key.id) return;
    if (await inbound.isTold(telling(message, reason, { itself: true }), to)) return;
    const { names: [chat = key.remoteJid] } = person(key.remoteJid, key.remoteJidAlt);
    await store.undecryptable.note({
      numberId: to.session.numberId,
      chat,
      whatsappId: key.id,
      fromMe: key.fromMe === true,
      participant: key.participant ? person(key.participant, key.participantAlt).names[0] : undefined,
      pushName: pushName ?? undefined,
      sentAtS: Number(messageTimestamp ?? 0),
      reason,
    });
    this.#noted.abort();
  }

  /** Tells of a message that will never come, at once. Resolves when that is durable. */
  async tell(message: WAMessage, reason: UndecryptableReason, to: Recipient): Promise<void> {
    const { announcer, inbound } = this.#options;
    await to.identities.complete(message);
    if (await inbound.isTold(telling(message, reason, { itself: true }), to)) return;
    const told = telling(message, reason);
    if (!inbound.wants(told) || await inbound.isTold(told, to)) return;
    await announcer.commit(await inbound.telling(told, to));
  }

  /** Tells of each that does not come in time, while a socket is open. Resolves when `signal` aborts; never rejects. */
  async watch(to: () => Recipient, signal: AbortSignal): Promise<void> {
    const { store, now, patienceMs = PATIENCE_MS } = this.#options;
    const openedAtMs = now();
    while (!signal.aborted) {
      this.#noted = new AbortController();
      let waitMs = LONGEST_WAIT_MS;
      try {
        for (const message of await store.undecryptable.untold(to().session.numberId)) {
          const leftMs = Math.max(message.notedAtMs, openedAtMs) + patienceMs - now();
          // More is left when the clock was put back, and then it has waited long enough.
          if (leftMs > 0 && leftMs <= patienceMs) waitMs = Math.min(waitMs, leftMs);
          else if (!signal.aborted) await this.#settle(message, to());
        }
      } catch (error) {
        waitMs = patienceMs;
        to().log.error({ err: error }, "the backend could not be told of a message that cannot be decrypted");
      }
      await pause(waitMs, AbortSignal.any([signal, this.#noted.signal]));
    }
  }

  async #settle(noted: UndecryptableMessage, to: Recipient): Promise<void> {
    const { store, announcer, inbound } = this.#options;
    const { chat, whatsappId, fromMe, participant, pushName, sentAtS, reason } = noted;
    const message = {
      key: {
        remoteJid: chat,
        id: whatsappId,
        fromMe,
        ...(participant === undefined ? {} : { participant }),
      },
      ...(sentAtS > 0 ? { messageTimestamp: sentAtS } : {}),
      ...(pushName === undefined ? {} : { pushName }),
    };
    await to.identities.complete(message);
    const told = telling(message, reason);
    const isDone = !inbound.wants(told) || await inbound.isTold(told, to) ||
      await inbound.isTold(telling(message, reason, { itself: true }), to);
    await announcer.commit([
      ...isDone ? [] : await inbound.telling(told, to),
      ...store.undecryptable.settling(noted),
    ]);
  }
}

/** @param options.itself the message, and not that it could not be decrypted */
function telling(
  message: Telling["message"],
  reason: string,
  { itself = false }: { itself?: boolean } = {},
): Telling {
  const content = { type: "UNDECRYPTABLE", body: "", fields: { undecryptable: { reason } } };
  return { message, content, ...(itself ? {} : { aspect: ASPECT }) };
}
