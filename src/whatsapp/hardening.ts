import { Buffer } from "node:buffer";
import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { verifyXeddsa } from "./xeddsa.ts";

const { Details } = proto.CertChain.NoiseCertificate;
const { sharedKey } = Curve;

/**
 * Makes Baileys verify the server. As published it does not:
 *
 * - its `Curve.verify` drops the result of the verification, so that any 64 bytes pass as the signature of WhatsApp's
 *   certificate, and of the account at pairing;
 * - nothing ties the certificate to the key the server shows, so that anybody could show WhatsApp's own.
 *
 * Process-wide, because Baileys keeps what it uses in module exports.
 *
 * @param rootKeyHex the root to trust instead of WhatsApp's own: that of a stand-in on loopback
 * @see https://github.com/tulir/whatsmeow/blob/main/handshake.go verifyServerCert, which checks the same
 */
export function hardenBaileys(rootKeyHex: string | undefined): void {
  if (rootKeyHex !== undefined) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKeyHex, "hex");
  let serverKey: Uint8Array = new Uint8Array();
  let leaf: Uint8Array = new Uint8Array();

  // The client's handshake runs in one go: key agreement with the server's key, then the leaf's signature, then the
  // signature of the intermediate by the root. So when the root is asked for, the two before it belong to it.
  Curve.sharedKey = (privateKey, publicKey) => {
    serverKey = publicKey;
    return sharedKey(privateKey, publicKey);
  };
  Curve.verify = (publicKey, message, signature) => {
    if (!verifyXeddsa(publicKey, message, signature)) return false;
    if (Buffer.from(publicKey).equals(WA_CERT_DETAILS.PUBLIC_KEY)) {
      return vouchesFor(serverKey, leaf, message);
    }
    leaf = message;
    return true;
  };
}

/** Whether a leaf certificate is for `serverKey` and was issued by `intermediate`; both are encoded. */
function vouchesFor(serverKey: Uint8Array, leaf: Uint8Array, intermediate: Uint8Array): boolean {
  const { key, issuerSerial } = Details.decode(leaf);
  return Buffer.from(key ?? []).equals(serverKey) && issuerSerial === Details.decode(intermediate).serial;
}
