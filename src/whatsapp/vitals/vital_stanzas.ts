/**
 * What stanzas say about a session beside what they are for.
 *
 * @module
 */

import { type BinaryNode, getBinaryNodeChild, jidDecode } from "@whiskeysockets/baileys";
import type { OwnAccount } from "../identities.ts";

/** How many of this device's prekeys the server has left: its answer to the question, or its complaint that they are few. */
export function prekeyCountIn(stanza: BinaryNode): number | undefined {
  const { tag, attrs: { type } } = stanza;
  const tells = (tag === "iq" && type === "result") || (tag === "notification" && type === "encrypt");
  const value = tells ? getBinaryNodeChild(stanza, "count")?.attrs.value : undefined;
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/**
 * When the account's own phone did what `stanza` tells of, in ms since the epoch. A companion is not told whether the
 * phone is there; it sees what comes from device 0 of its account: messages (what the phone sends, and the keys and
 * histories that it hands its companions), receipts (for the copy of every message a companion sends, among others),
 * and its countersignature at pairing.
 *
 * @returns `undefined` when the stanza says nothing about the phone
 */
export function phoneSeenIn(stanza: BinaryNode, own: OwnAccount, nowMs: number): number | undefined {
  const { tag, attrs: { participant, from, t } } = stanza;
  if (getBinaryNodeChild(stanza, "pair-success") !== undefined) return nowMs;
  if (tag !== "message" && tag !== "receipt") return undefined;
  const sender = jidDecode(participant ?? from);
  if (sender === undefined || sender.device) return undefined;
  if (sender.user !== jidDecode(own.jid)?.user && sender.user !== jidDecode(own.lid ?? "")?.user) {
    return undefined;
  }
  // What waited on the server is as old as it says.
  const atMs = Number(t) * 1000;
  return atMs > 0 ? Math.min(atMs, nowMs) : nowMs;
}

/** Whether somebody else wrote the message that a stanza brings. */
export function isMessageOfOthers(
  { tag, attrs: { participant, from } }: BinaryNode,
  own: OwnAccount,
): boolean {
  if (tag !== "message") return false;
  const user = jidDecode(participant ?? from)?.user;
  return user !== jidDecode(own.jid)?.user && user !== jidDecode(own.lid ?? "")?.user;
}
