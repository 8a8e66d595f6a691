import { isJidGroup, proto } from "@whiskeysockets/baileys";
import type { Statement } from "../store/database.ts";
import type { SendRecord } from "../store/ledger.ts";
import type { Store } from "../store/store.ts";
import { edited } from "./edited.ts";

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type;
/** What is kept of a message that was taken back: that it is not to be quoted or handed on. */
const TAKEN_BACK = new Uint8Array();

/**
 * The writes by which a message follows what was sent about it, once WhatsApp has that: it has its latest text, and is not
 * known any more when it was taken back. What was sent itself stays as it was, for those who could not read it.
 */
export async function following(
  { numberId, chat, content }: SendRecord,
  { ledger, messages }: Pick<Store, "ledger" | "messages">,
): Promise<Statement[]> {
  const about = content && proto.Message.decode(content).protocolMessage;
  const whatsappId = about?.key?.id;
  if (!whatsappId || (about.type !== MESSAGE_EDIT && about.type !== REVOKE)) return [];
  const isThere = (other: string) => other === chat || !(isJidGroup(other) || isJidGroup(chat));
  const found = await messages.find(numberId, whatsappId);
  const kept = found.find((message) => isThere(message.chat) && message.fromMe === about.key?.fromMe);
  const sent = about.key?.fromMe ? await ledger.findByWhatsappId(numberId, whatsappId) : undefined;
  const before = kept?.content ?? (sent && isThere(sent.chat) ? sent.content : undefined);
  if (before === undefined || before.length === 0) return [];
  if (about.type === REVOKE && kept !== undefined && sent === undefined) return messages.forgettingOne(kept);
  const now = about.type === REVOKE ? TAKEN_BACK : after(before, about.editedMessage ?? {});
  return kept === undefined
    ? messages.keeping({ numberId, whatsappId, chat: sent!.chat, fromMe: true, content: now })
    : messages.replacing({ ...kept, content: now });
}

function after(before: Uint8Array, replacement: proto.IMessage): Uint8Array {
  const message = edited(proto.Message.decode(before), replacement);
  return proto.Message.encode(message as proto.Message).finish();
}
