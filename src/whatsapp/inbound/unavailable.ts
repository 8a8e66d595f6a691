import {
  type BinaryNode,
  decodeMessageNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  isJidNewsletter,
  type WAMessage,
} from "@whiskeysockets/baileys";
import type { UndecryptableReason } from "./undecryptable.ts";
import type { OwnAccount } from "../identities.ts";

/** Of these only the phone shows the content, or only a bot had any. */
const LOST: Readonly<Record<string, UndecryptableReason>> = {
  view_once: "view_once",
  view_once_unavailable_fanout: "view_once",
  hosted_unavailable_fanout: "no_content",
};

/** What the phone has not either, or does not hand on. Baileys does not ask for it, nor does WhatsApp Web. */
const NEVER_HANDED_ON: ReadonlySet<string | undefined> = new Set([
  "view_once",
  "view_once_unavailable_fanout",
  "bot_unavailable_fanout",
  "hosted_unavailable_fanout",
]);

/**
 * The message that a stanza announces without its content, as from ads. Baileys acknowledges it and asks the phone for the
 * content.
 */
export function unavailableIn(stanza: BinaryNode, { jid, lid }: OwnAccount): WAMessage | undefined {
  const { category, from = "", t } = stanza.attrs;
  const holds = (tag: string) => getBinaryNodeChildren(stanza, tag).length > 0;
  // What newsletters publish is encrypted for nobody, and what devices tell each other no phone hands on.
  if (holds("enc") || holds("plaintext") || category === "peer" || isJidNewsletter(from)) return undefined;
  if (NEVER_HANDED_ON.has(typeOf(stanza)) || !(Number(t) > 0)) return undefined;
  return decoded(stanza, { jid, lid });
}

/** The message that a stanza announces and whose content this device will never be given. */
export function lostIn(
  stanza: BinaryNode,
  own: OwnAccount,
): { readonly message: WAMessage; readonly reason: UndecryptableReason } | undefined {
  const reason = LOST[typeOf(stanza) ?? ""];
  if (reason === undefined || getBinaryNodeChildren(stanza, "enc").length > 0) return undefined;
  const message = decoded(stanza, own);
  return message && { message, reason };
}

function typeOf(stanza: BinaryNode): string | undefined {
  return getBinaryNodeChild(stanza, "unavailable")?.attrs.type;
}

function decoded(stanza: BinaryNode, { jid, lid }: OwnAccount): WAMessage | undefined {
  try {
    return decodeMessageNode(stanza, jid, lid ?? "").fullMessage;
  } catch {
    // Of no known kind: Baileys says so.
    return undefined;
  }
}
