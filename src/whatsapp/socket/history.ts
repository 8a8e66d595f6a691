import { type BaileysEventEmitter, type BaileysEventMap, proto } from "@whiskeysockets/baileys";

const { INITIAL_BOOTSTRAP, PUSH_NAME } = proto.HistorySync.HistorySyncType;

/** Events that nobody listens to, here or in Baileys itself. */
const UNUSED: ReadonlySet<keyof BaileysEventMap> = new Set([
  "messaging-history.set",
  "chats.upsert",
  "chats.update",
  "chats.delete",
  "contacts.upsert",
  "contacts.update",
]);

/**
 * Whether Baileys is to read a part of the history that the phone sends a new device. Of the first one it learns whose LID
 * is whose, and WhatsApp waits for nothing more; the rest would have to be fetched, megabytes for each busy number, while
 * new messages wait behind it. None of it is told to the backend.
 */
export function isFirstHistory({ syncType }: proto.Message.IHistorySyncNotification): boolean {
  return syncType === INITIAL_BOOTSTRAP || syncType === PUSH_NAME;
}

/**
 * Lets go at once of chats, contacts and the messages of the history, which nobody listens to. Baileys would hold them back
 * for as long as it synchronises, and some of them for good.
 */
export function forgetUnused(ev: BaileysEventEmitter): void {
  const emit = ev.emit.bind(ev);
  ev.emit = (event, data) => !UNUSED.has(event) && emit(event, data);
}
