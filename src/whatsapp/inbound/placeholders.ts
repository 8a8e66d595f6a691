/**
 * Messages that came without their content, which the number's phone has.
 *
 * @module
 */

import { jidNormalizedUser, proto, type WAMessage } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Statement } from "../../store/database.ts";
import type { Placeholder } from "../../store/placeholders.ts";
import type { Store } from "../../store/store.ts";
import { type Identities, person } from "../identities.ts";
import type { Socket } from "../socket/socket.ts";
import type { Vitals } from "../vitals/vitals.ts";

/** No phone hands on what is older. */
const HANDED_ON_MS = 14 * 24 * 60 * 60_000;
/** How often the phone is asked again for one message, once after each login: it may have been off, or not have it. */
const MAX_ATTEMPTS = 30;

/** Options of {@link AwaitedContent}. */
export interface AwaitedContentOptions {
  readonly store: Store;
  readonly numberId: string;
  readonly vitals: Vitals;
  readonly now: () => number;
  readonly log: () => Logger;
}

/**
 * Sees to it that what came without its content is not lost with the process: Baileys acknowledges it, asks the phone two
 * seconds later, once, and knows of that in memory alone.
 */
export class AwaitedContent {
  readonly #options: AwaitedContentOptions;

  constructor(options: AwaitedContentOptions) {
    this.#options = options;
  }

  /** Resolves when it is durable that the content is missed. */
  async note({ key, messageTimestamp }: WAMessage): Promise<void> {
    const { store, numberId, log } = this.#options;
    if (!key.remoteJid || !key.id) return;
    const forgotten = await store.placeholders.note({
      numberId,
      chat: jidNormalizedUser(key.remoteJid),
      whatsappId: key.id,
      fromMe: key.fromMe === true,
      participant: key.participant ? jidNormalizedUser(key.participant) : undefined,
      sentAtMs: Number(messageTimestamp) * 1000,
      attempts: 0,
    });
    if (forgotten > 0) {
      log().warn({ forgotten }, "too many messages without content: the oldest are given up");
    }
  }

  /** The writes that go with a message which has its content. */
  settling({ key: { id, remoteJid, remoteJidAlt }, message }: WAMessage): Statement[] {
    const { store, numberId } = this.#options;
    if (!message || !id || !remoteJid) return [];
    const { names } = person(remoteJid, remoteJidAlt);
    return names.flatMap((chat) => store.placeholders.forgetting({ numberId, chat, whatsappId: id }));
  }

  /** Asks the phone for all that is missed, one after the other, on a socket that has logged in. Never rejects. */
  async ask({ baileys, identities }: Socket, isOver: () => boolean): Promise<void> {
    const { store, numberId, now, log } = this.#options;
    try {
      for (const placeholder of await store.placeholders.of(numberId)) {
        if (isOver()) return;
        const { attempts, sentAtMs, whatsappId } = placeholder;
        if (attempts >= MAX_ATTEMPTS || now() - sentAtMs > HANDED_ON_MS) {
          await this.#giveUp(placeholder, identities);
        } else if (await store.placeholders.asking(placeholder)) {
          log().info({ whatsappId, attempts }, "the phone is asked again for the content of a message");
          // Takes two seconds, and does nothing for what was asked for on this socket already.
          await baileys.requestPlaceholderResend(keyOf(placeholder));
        }
      }
    } catch (error) {
      if (!isOver()) log().warn({ err: error }, "the phone could not be asked; it is after the next login");
    }
  }

  /** It counts as undecryptable from the moment it came, unless the process ended just then. */
  async #giveUp(placeholder: Placeholder, identities: Identities): Promise<void> {
    const { store, vitals, log } = this.#options;
    const { whatsappId, attempts, sentAtMs } = placeholder;
    const message = {
      key: keyOf(placeholder),
      messageStubType: proto.WebMessageInfo.StubType.CIPHERTEXT,
    };
    // It may have been counted under its sender's other name.
    await identities.complete(message);
    await vitals.message(message);
    await store.commit(store.placeholders.forgetting(placeholder));
    log().warn({ whatsappId, attempts, sentAtMs }, "the phone did not hand on the content of a message");
  }
}

function keyOf({ chat, whatsappId, fromMe, participant }: Placeholder) {
  return { remoteJid: chat, id: whatsappId, fromMe, ...(participant === undefined ? {} : { participant }) };
}
