import {
  isJidGroup,
  jidNormalizedUser,
  proto,
  type WAMessage,
  type WAMessageKey,
} from "@whiskeysockets/baileys";
import type { Statement } from "../../store/database.ts";
import type { SendRecord } from "../../store/ledger.ts";
import type { StoredMessage } from "../../store/messages.ts";
import type { Store } from "../../store/store.ts";
import { edited } from "../messages/edited.ts";
import { type Identities, person } from "../identities.ts";
import { type Content, contentOf } from "./content.ts";

/** What is said about a message, and is none that could be quoted or forwarded. */
const PASSING: ReadonlySet<string> = new Set([
  "REACTION",
  "POLL_VOTE",
  "EVENT_REPLY",
  "EDIT",
  "DELETE",
  "PIN",
  "KEEP",
]);

/** What is larger nobody has written with an app of WhatsApp's, and it would go out with every answer to it. */
const LARGEST_BYTES = 512 * 1024;

/** What messages are kept with. */
export interface KeepingContext {
  readonly store: Pick<Store, "messages" | "ledger">;
  readonly numberId: string;
  readonly identities: Pick<Identities, "isSame">;
  /** It is known not to have come before: messages that are told are. */
  readonly isNew?: boolean;
}

/**
 * The writes that keep a message, for whoever replies to it, forwards it or votes on it; and those by which a message that
 * is kept follows what becomes of it: it has its latest text, and is forgotten when it is taken back.
 */
export async function keeping(
  { key, message }: WAMessage,
  content: Content,
  context: KeepingContext,
): Promise<Statement[]> {
  const { store, numberId, isNew } = context;
  if (content.replacement !== undefined) return await changing(key, content, context);
  if (PASSING.has(content.type) || !message) return [];
  const { names: [chat = ""] } = person(key.remoteJid, key.remoteJidAlt);
  const id = { numberId, whatsappId: key.id ?? "", chat };
  if (!isNew && await store.messages.has(id)) return [];
  const bytes = encoded(message);
  if (bytes.length > LARGEST_BYTES) return [];
  return store.messages.keeping({
    ...id,
    fromMe: key.fromMe === true,
    author: authorOf(key),
    content: bytes,
  });
}

/**
 * The writes by which a message follows what is done to it from here: WhatsApp has taken a send that edits it or takes it
 * back. None for any other send.
 */
export async function following(
  { numberId, whatsappId, chat, content: sent }: SendRecord,
  store: KeepingContext["store"],
): Promise<Statement[]> {
  const content = sent && contentOf(proto.Message.decode(sent));
  if (content?.replacement === undefined) return [];
  const key = { remoteJid: chat, id: whatsappId, fromMe: true };
  const identities = { isSame: () => Promise.resolve(false) };
  return await changing(key, content, { store, numberId, identities });
}

async function changing(
  key: WAMessageKey,
  content: Content,
  context: KeepingContext,
): Promise<Statement[]> {
  const { store, numberId } = context;
  const messageId = content.target?.key.id;
  if (!messageId) return [];
  const { names: chats } = person(key.remoteJid, key.remoteJidAlt);
  const found = await store.messages.find(numberId, messageId);
  const sent = await store.ledger.findByWhatsappId(numberId, messageId);
  const asSent = sent?.content === undefined || found.some(({ fromMe }) => fromMe)
    ? []
    : [{ numberId, whatsappId: messageId, chat: sent.chat, fromMe: true, content: sent.content }];
  for (const kept of [...asSent, ...found]) {
    // No two messages of the number's own have the same id.
    const isThere = chats.includes(kept.chat) || kept.fromMe && key.fromMe;
    if (!isThere || kept.content.length === 0 || !await mayChange(key, kept, content, context)) continue;
    if (content.replacement === null) {
      return kept.fromMe && sent !== undefined
        ? store.messages.replacing({ ...kept, content: new Uint8Array() })
        : store.messages.forgettingOne(kept);
    }
    const replaced = encoded(edited(proto.Message.decode(kept.content), content.replacement!));
    if (replaced.length > LARGEST_BYTES) return [];
    const isSame = replaced.length === kept.content.length &&
      replaced.every((byte, i) => byte === kept.content[i]);
    return isSame ? [] : store.messages.replacing({ ...kept, content: replaced });
  }
  return [];
}

/** People change their own messages; those of others an administrator of a group may take back. */
async function mayChange(
  key: WAMessageKey,
  kept: StoredMessage,
  { replacement }: Content,
  { identities }: Pick<KeepingContext, "identities">,
): Promise<boolean> {
  const inGroup = isJidGroup(kept.chat) === true;
  if (replacement === null && inGroup) return true;
  if (kept.fromMe !== (key.fromMe === true)) return false;
  const author = authorOf(key);
  // In a person's chat there is nobody else.
  if (!inGroup || kept.fromMe || kept.author === undefined || author === undefined) return true;
  const { names } = person(key.participant, key.participantAlt);
  return names.includes(kept.author) || await identities.isSame(kept.author, author);
}

/** By which name somebody else wrote a message. */
function authorOf({ remoteJid, participant, fromMe }: WAMessageKey): string | undefined {
  const name = participant || remoteJid;
  return name && !fromMe ? jidNormalizedUser(name) : undefined;
}

/** Without the key of who writes into a group, which is nobody else's. */
function encoded({ senderKeyDistributionMessage: _, ...message }: proto.IMessage): Uint8Array {
  return proto.Message.encode(message as proto.Message).finish();
}
