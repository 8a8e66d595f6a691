import { Buffer } from "node:buffer";
import { Curve, proto, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import curve25519 from "curve25519-js";
import { UntrustedServer, verifyServer } from "./server_certificate.ts";
import { signXeddsa, verifyXeddsa } from "./xeddsa.ts";

const { sharedKey } = Curve;
const WHATSAPPS_ROOT = WA_CERT_DETAILS.PUBLIC_KEY;

/**
 * Makes Baileys verify the server, and the account at pairing. As published it does neither:
 *
 * - its `Curve.verify` drops the result of the verification, so that any 64 bytes pass as the signature of WhatsApp's
 *   certificate, and of the account;
 * - nothing ties the certificate to the key the server shows, so that anybody could show WhatsApp's own;
 * - nobody looks at its dates.
 *
 * What it costs to sign and to verify is a hundredth of what it was, for libsignal too: messages in groups are signed.
 *
 * Process-wide, because Baileys keeps what it uses in module exports.
 *
 * @param rootKeyHex the root to trust instead of WhatsApp's own: that of a stand-in on loopback
 */
export function hardenBaileys(rootKeyHex: string | undefined, now: () => number = Date.now): void {
  const rootKey = rootKeyHex === undefined ? WHATSAPPS_ROOT : Buffer.from(rootKeyHex, "hex");
  // Baileys looks at the signatures too.
  WA_CERT_DETAILS.PUBLIC_KEY = rootKey;
  let agreedWith: Uint8Array | undefined;

  // The handshake agrees on a secret with the server's static key, and with that decrypts the certificates and decodes
  // them, without giving way to anything in between: so whatever the last secret was agreed on with shows the chain.
  Curve.sharedKey = (privateKey, publicKey) => {
    agreedWith = publicKey;
    return sharedKey(privateKey, publicKey);
  };
  proto.CertChain.decode = (encoded) => {
    const serverKey = agreedWith;
    agreedWith = undefined;
    if (serverKey === undefined || !(encoded instanceof Uint8Array)) {
      throw new UntrustedServer("The server shows certificates and no key of its own");
    }
    return verifyServer(encoded, { rootKey, serverKey, nowMs: now() });
  };
  Curve.verify = verifyXeddsa;
  // The very object libsignal looks its functions up in, each time it calls one, as there is one copy of the package.
  Object.assign(curve25519, { sign: signXeddsa, verify: verifyXeddsa });
}
