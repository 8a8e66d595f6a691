import {
  type BinaryNode,
  getBinaryNodeChildren,
  isJidGroup,
  isJidStatusBroadcast,
} from "@whiskeysockets/baileys";
import type { Reached } from "../../store/recipients.ts";

/** What somebody says they have done with messages of this number. */
export interface Receipt {
  /** The group the messages went to, or whoever received them. */
  readonly chat: string;
  readonly whatsappIds: readonly string[];
  readonly status: Reached;
  /** Which members say so, each by the JID they use there; only in groups. */
  readonly members?: readonly string[];
}

/** The types of receipts that say how far a message has come; one without a type says that it was delivered. */
const STATUS_OF_TYPE: ReadonlyMap<string, Reached> = new Map([
  ["inactive", "DELIVERED"],
  ["read", "READ"],
  ["played", "PLAYED"],
]);

/**
 * What a `<receipt>` says of messages of this number; nothing for what is no news of them: what other devices of its own
 * account have done (`sender`, `read-self`, `played-self`, `peer_msg`, `hist_sync`), and wishes (`retry`, `server-error`).
 *
 * In groups everybody reports for themselves, as `participant`. What waited for a client that was away may come in one
 * stanza for many: `<participants key="id"><user jid="…"/>…</participants>`, which Baileys passes over.
 *
 * @see https://github.com/tulir/whatsmeow `handleGroupedReceipt`
 */
export function receiptsOf(stanza: BinaryNode): Receipt[] {
  const { attrs: { id, from: chat = "", type, recipient, participant } } = stanza;
  const status = type === undefined ? "DELIVERED" : STATUS_OF_TYPE.get(type);
  // With a recipient, another device of the account tells what it has done with a message of somebody else.
  if (id === undefined || status === undefined || recipient !== undefined) return [];
  if (isJidStatusBroadcast(chat)) return [];
  if (!isJidGroup(chat)) return [{ chat, whatsappIds: idsOf(id, stanza), status }];
  if (participant !== undefined) {
    return [{ chat, whatsappIds: idsOf(id, stanza), status, members: [participant] }];
  }
  return getBinaryNodeChildren(stanza, "participants").map((list) => ({
    chat,
    whatsappIds: list.attrs.key === undefined ? [] : [list.attrs.key],
    status,
    members: getBinaryNodeChildren(list, "user").flatMap(({ attrs: { jid } }) => jid ?? []),
  }));
}

/** One receipt may be for several messages; the same one twice is one. */
function idsOf(id: string, { content }: BinaryNode): string[] {
  const list = Array.isArray(content) ? getBinaryNodeChildren(content[0], "item") : [];
  return [...new Set([id, ...list.flatMap((item) => item.attrs.id ?? [])])];
}
