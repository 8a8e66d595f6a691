/**
 * XEdDSA verification by node:crypto. Baileys' own `Curve.verify` drops the boolean of the library below it and
 * accepts any 64 bytes, so a stand-in that is to notice a bad signature needs its own.
 */
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";

const P = 2n ** 255n - 19n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % P, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = result * square % P;
    square = square * square % P;
  }
  return result;
}

/** The Ed25519 form of a Montgomery u-coordinate (RFC 7748 §4.1: y = (u − 1) / (u + 1)), without its sign. */
function edwards(montgomery: Uint8Array): Buffer {
  const u = BigInt(`0x${Buffer.from(montgomery).reverse().toString("hex")}`) & ((1n << 255n) - 1n);
  const y = (u + P - 1n) * power(u + 1n, P - 2n) % P;
  return Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
}

/**
 * Whether `signature` (64 bytes) over `message` was made with the private half of `publicKey` (X25519, 32 bytes
 * or 33 with Signal's type byte). The sign of the Edwards point travels in the signature's last bit.
 */
export function verifyXeddsa(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const point = edwards(publicKey.length === 33 ? publicKey.subarray(1) : publicKey);
  const plain = Buffer.from(signature);
  point[31]! |= plain[63]! & 0x80;
  plain[63]! &= 0x7f;
  const jwk = { kty: "OKP", crv: "Ed25519", x: point.toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), plain);
}
