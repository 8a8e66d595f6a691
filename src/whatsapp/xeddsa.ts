import { createPublicKey, verify } from "node:crypto";
import { Buffer } from "node:buffer";

/** The prime of Curve25519. */
const P = 2n ** 255n - 19n;

/**
 * Verifies an XEdDSA signature: one made with a Curve25519 key, as WhatsApp and Signal do.
 *
 * The Montgomery key is converted to its Edwards form, whose sign the signature carries in its last bit, and node's
 * Ed25519 does the rest: 0.05 ms instead of 15 ms in the pure JavaScript that Baileys brings.
 *
 * @param publicKey 32 bytes, or 33 with the type byte `5` in front
 * @see https://signal.org/docs/specifications/xeddsa/
 */
export function verifyXeddsa(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const montgomery = publicKey.byteLength === 33 ? publicKey.subarray(1) : publicKey;
  if (montgomery.byteLength !== 32 || signature.byteLength !== 64) return false;
  const sign = (signature[63] ?? 0) & 0x80;
  const edwards = toEdwards(montgomery);
  edwards[31] = (edwards[31] ?? 0) | sign;
  const plain = Buffer.from(signature);
  plain[63] = (plain[63] ?? 0) & 0x7f;
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: edwards.toString("base64url") },
    format: "jwk",
  });
  return verify(null, message, key, plain);
}

/** y = (u − 1) / (u + 1), little-endian. */
function toEdwards(montgomery: Uint8Array): Buffer {
  const littleEndian = Buffer.from(montgomery).reverse();
  const u = BigInt("0x" + littleEndian.toString("hex")) & (2n ** 255n - 1n);
  const y = ((u - 1n + P) * power(u + 1n, P - 2n)) % P;
  return Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % P; exponent > 0n; exponent >>= 1n, square = (square * square) % P) {
    if (exponent & 1n) result = (result * square) % P;
  }
  return result;
}
