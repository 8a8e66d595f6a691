/** Retry receipts: how a device asks for what it could not decrypt, and the keys it may bring along. */
import { encodeBigEndian, getBinaryNodeChild } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { childBytes, childUint, element } from "./nodes.ts";
import { bundleNodes, type PreKeyBundle, readPreKey, readSignedPreKey } from "./prekeys.ts";
import type { SignalPeer } from "./signal_peer.ts";

/** What a phone asks for. */
export interface RetryRequest {
  /** The message. */
  id: string;
  /** The phone's own address, or the group's. */
  from: string;
  /** The phone's own address in a group. */
  participant?: string | undefined;
  /** From the second attempt on the receipt brings keys for a new session. */
  attempt: number;
  timestampS: number;
  /** Whom the message went to, when it came from another device of the phone's account. */
  recipient?: string | undefined;
}

/** A phone's retry receipt. */
export async function retryReceipt(
  signal: SignalPeer,
  { id, from, participant, attempt, timestampS, recipient }: RetryRequest,
): Promise<BinaryNode> {
  const t = String(timestampS);
  const attrs = {
    id,
    from,
    type: "retry",
    t,
    ...(participant && { participant }),
    ...(recipient && { recipient }),
  };
  const content = [
    element("retry", { count: String(attempt), id, t, v: "1" }),
    element("registration", {}, encodeBigEndian(signal.registrationId)),
  ];
  if (attempt > 1) {
    const [, ...keys] = bundleNodes(await signal.bundle());
    content.push(element("keys", {}, keys));
  }
  return element("receipt", attrs, content);
}

/** The bundle inside a retry receipt, from the second attempt on; undefined when the server's is to be used. */
export function readRetryBundle(receipt: BinaryNode): PreKeyBundle | undefined {
  const keys = getBinaryNodeChild(receipt, "keys");
  if (!keys) return undefined;
  const identityKey = childBytes(keys, "identity", 32);
  const key = getBinaryNodeChild(keys, "key");
  return {
    registrationId: childUint(receipt, "registration", 4),
    identityKey,
    signedPreKey: readSignedPreKey(getBinaryNodeChild(keys, "skey"), identityKey),
    ...(key && { preKey: readPreKey(key) }),
  };
}
