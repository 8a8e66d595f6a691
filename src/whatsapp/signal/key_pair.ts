import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";

/** What stands before the 32 bytes of a private X25519 key in PKCS #8. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");

/** Whether both halves of a Curve25519 key pair are there and belong together. */
export function isKeyPair(pair: { readonly private: Uint8Array; readonly public: Uint8Array }): boolean {
  if (pair.private?.length !== 32 || pair.public?.length !== 32) return false;
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, pair.private]),
    format: "der",
    type: "pkcs8",
  });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return x === Buffer.from(pair.public).toString("base64url");
}
