import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext } from "../composition.ts";
import { inContext } from "../context_info.ts";
import { vcard } from "../vcard.ts";

/** One card, or several in one message. */
export async function contactMessage(
  command: Message<"CONTACT">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { contextInfo } = await inContext(command, "", context);
  const contacts = command.contacts.map((card) => ({ displayName: card.name, vcard: vcard(card) }));
  return proto.Message.fromObject(
    contacts.length === 1
      ? { contactMessage: { ...contacts[0], contextInfo } }
      : { contactsArrayMessage: { displayName: `${contacts.length} contacts`, contacts, contextInfo } },
  );
}
