import type { BinaryNode, CacheStore, proto, WAMessageKey, WASocket } from "@whiskeysockets/baileys";
import { jidDecode } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import { stanzaMarks } from "../outbound/stanza_marks.ts";

/** What {@link MarkedResends} works with. */
export interface MarkedResendsOptions {
  readonly baileys: Pick<WASocket, "receiptMutex" | "relayMessage">;
  /** Where Baileys counts resends. */
  readonly retryCounts: Pick<CacheStore, "get" | "set">;
  readonly log: Logger;
}

/**
 * Sends again what Baileys would send again without its {@link stanzaMarks}: it looks the message up and makes the session
 * of who asks for it ready, but writes the stanza of any other text. So it is told that there is none, and this sends it
 * when Baileys is done with the request and has not acknowledged it yet.
 */
export class MarkedResends {
  readonly #options: MarkedResendsOptions;
  #request: BinaryNode | undefined;
  #due: { readonly key: WAMessageKey; readonly message: proto.IMessage; readonly count: string }[] = [];

  constructor(options: MarkedResendsOptions) {
    this.#options = options;
    const { receiptMutex } = options.baileys;
    const exclusively = receiptMutex.mutex.bind(receiptMutex);
    receiptMutex.mutex = <T>(work: () => Promise<T> | T) =>
      exclusively(async () => {
        const result = await work();
        await this.#resend();
        return result;
      });
  }

  /** A receipt comes, and Baileys takes no other before it is done with this one. */
  receipt(stanza: BinaryNode): void {
    this.#request = stanza.attrs.type === "retry" ? stanza : undefined;
  }

  /** What Baileys is given of a message that it has looked up, for whatever reason. */
  lookedUp(key: WAMessageKey, message: proto.IMessage | undefined): proto.IMessage | undefined {
    const request = this.#request;
    if (message === undefined || request === undefined || request.attrs.id !== key.id) return message;
    if (Object.keys(stanzaMarks(message)).length === 0) return message;
    const [retry] = Array.isArray(request.content) ? request.content : [];
    this.#due.push({ key, message, count: retry?.attrs.count ?? "1" });
    return undefined;
  }

  async #resend(): Promise<void> {
    const { baileys, retryCounts, log } = this.#options;
    for (const { key, message, count } of this.#due.splice(0)) {
      const chat = key.remoteJid ?? "";
      const device = key.participant ?? chat;
      try {
        // Baileys counts each resend twice, once as the request of it.
        const resent = `${key.id}:${device}`;
        await retryCounts.set(resent, (await retryCounts.get<number>(resent) ?? 0) + 1);
        // As Baileys does: what a phone asks for goes to everybody once more.
        const isPhone = !jidDecode(device)?.device;
        await baileys.relayMessage(chat, message, {
          messageId: key.id!,
          ...stanzaMarks(message),
          ...(isPhone
            ? { useUserDevicesCache: false }
            : { participant: { jid: device, count: Number(count) } }),
        });
      } catch (error) {
        log.warn({ err: error, whatsappId: key.id }, "a message could not be sent again");
      }
    }
  }
}
