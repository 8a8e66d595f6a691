import { type CacheStore, jidNormalizedUser, proto, type WAMessageKey } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Store } from "../../store/store.ts";
import { BoundedCache, type BoundedCacheOptions } from "../socket/caches.ts";
import type { Socket } from "../socket/socket.ts";

/** What is kept of the counts of other messages than those of the ledger. */
const PASSING: BoundedCacheOptions = { maxEntries: 1_000, lifetimeMs: 60 * 60_000 };

/**
 * Baileys' count of retries, for one socket. Durable is what it counts of messages that were sent from here: it counts
 * those it asks others for, too, and whatever it is asked for in vain, by anybody who makes ids up.
 */
export function retryCounts({ ledger, retryCounts }: Store, numberId: string): CacheStore {
  const passing = new BoundedCache(PASSING);
  return {
    get: async <T>(request: string) =>
      (passing.get(request) ?? await retryCounts.get(numberId, request)) as T,
    set: async (request, count) => {
      const [whatsappId = ""] = request.split(":");
      if (await ledger.findByWhatsappId(numberId, whatsappId) !== undefined) {
        return await retryCounts.set(numberId, request, Number(count));
      }
      passing.set(request, count);
    },
    del: async (request) => {
      passing.del(request);
      await retryCounts.forget(numberId, request);
    },
    // Nothing in Baileys does.
    flushAll: () => {},
  };
}

/** What a message of the ledger is looked up with, and for whom. */
export interface ResendRequest {
  readonly key: WAMessageKey;
  readonly numberId: string;
  readonly socket: Socket;
  readonly log: Logger;
}

/**
 * What was sent under an id, for a contact that could not decrypt it. None when it was sent to somebody else: only who
 * has it encrypted can need it once more.
 */
export async function findSent(
  { ledger }: Store,
  { key: { id, remoteJid }, numberId, socket, log }: ResendRequest,
): Promise<proto.IMessage | undefined> {
  const sent = id ? await ledger.findByWhatsappId(numberId, id) : undefined;
  if (sent === undefined || !remoteJid) {
    log.info({ whatsappId: id }, "a message is asked for again that was not sent from here, or is forgotten");
  } else if (!await isTo(sent.chat, remoteJid, socket)) {
    log.warn({ whatsappId: id }, "a message is asked for again by somebody it was not sent to");
  } else if (sent.content === undefined) {
    log.warn({ whatsappId: id }, "a message is asked for again whose content is not kept any more");
  } else return proto.Message.decode(sent.content);
  return undefined;
}

async function isTo(chat: string, asking: string, { baileys, identities }: Socket): Promise<boolean> {
  if (await identities.isSame(chat, asking)) return true;
  // The server knows whose LID it is, if this device was never told.
  const { lidMapping } = baileys.signalRepository;
  for (const jid of [chat, asking]) {
    if (await lidMapping.getLIDForPN(jidNormalizedUser(jid)) === null) continue;
    if (await identities.isSame(chat, asking)) return true;
  }
  return false;
}
