/** The keys a retry receipt may bring along. */
import { getBinaryNodeChild } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { childBytes, childUint } from "./nodes.ts";
import { type PreKeyBundle, readPreKey, readSignedPreKey } from "./prekeys.ts";

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
