import type { proto } from "@whiskeysockets/baileys";
import { parsePhoneNumber } from "../../../contract/addresses.ts";
import type { Content } from "./content.ts";

/** One card. */
export function contact(message: proto.Message.IContactMessage): Content {
  return cards([message], message.contextInfo);
}

/** Several cards. */
export function contacts({ contacts, contextInfo }: proto.Message.IContactsArrayMessage): Content {
  return cards(contacts ?? [], contextInfo);
}

function cards(
  messages: readonly proto.Message.IContactMessage[],
  contextInfo: proto.IContextInfo | null | undefined,
): Content {
  const contacts = messages.map(({ displayName, vcard }) => ({
    name: displayName || valuesOf(vcard ?? "", "FN")[0]?.value || "",
    phoneNumbers: phoneNumbersIn(vcard ?? ""),
    vcard: vcard ?? "",
  }));
  return {
    type: "CONTACT",
    body: contacts.map(({ name }) => name).filter((name) => name !== "").join(", "),
    contextInfo,
    fields: { contacts },
  };
}

/** The numbers of a card: E.164 where WhatsApp or the card itself says so, else as they are written. */
function phoneNumbersIn(vcard: string): string[] {
  return valuesOf(vcard, "TEL").map(({ parameters, value }) => {
    const [, waid] = /;waid=(\d+)/i.exec(parameters) ?? [];
    const text = value.replace(/^tel:/i, "").trim();
    const digits = parsePhoneNumber(waid ?? (text.startsWith("+") ? text.replace(/[().-]/g, "") : ""));
    return digits === undefined ? text : `+${digits}`;
  });
}

/** The properties of this name: `item1.TEL;waid=221771234567:+221 77 123 45 67`, over several lines when it is long. */
function valuesOf(vcard: string, name: string): { parameters: string; value: string }[] {
  return vcard.replace(/\r?\n[ \t]/g, "").split(/\r?\n/).flatMap((line) => {
    const [, property = "", parameters = "", value = ""] =
      /^(?:[\w-]+\.)?([\w-]+)((?:;[^:;"]*(?:"[^"]*")?)*):(.*)$/.exec(line) ?? [];
    const text = value.replace(/\\([,;\\])/g, "$1").trim();
    return property.toUpperCase() === name && text !== "" ? [{ parameters, value: text }] : [];
  });
}
