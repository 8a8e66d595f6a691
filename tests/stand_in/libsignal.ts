import type { Buffer } from "node:buffer";
import { createRequire } from "node:module";

/** The curve as libsignal has it. */
interface LibsignalCurve {
  calculateSignature(privateKey: Buffer, message: Buffer): Buffer;
  /** @param publicKey 33 bytes, the first of them 5 */
  verifySignature(publicKey: Buffer, message: Buffer, signature: Buffer): boolean;
}

const requireFromBaileys = createRequire(import.meta.resolve("@whiskeysockets/baileys"));

/** The library below Baileys: slow, and another implementation to compare with. */
export const libsignal = requireFromBaileys("libsignal/src/curve.js") as LibsignalCurve;
