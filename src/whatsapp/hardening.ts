import { Buffer } from "node:buffer";
import { Curve, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { verifyXeddsa } from "./xeddsa.ts";

/**
 * Makes Baileys verify the server. As published its `Curve.verify` drops the result of the verification, so that any
 * 64 bytes pass as the signature of WhatsApp's certificate and of the account at pairing.
 *
 * Process-wide, because Baileys keeps both in module exports.
 *
 * @param rootKeyHex the root to trust instead of WhatsApp's own: that of a stand-in on loopback
 */
export function hardenBaileys(rootKeyHex: string | undefined): void {
  Curve.verify = verifyXeddsa;
  if (rootKeyHex !== undefined) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKeyHex, "hex");
}
