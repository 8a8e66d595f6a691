/**
 * The chain a WhatsApp Web server shows inside the Noise handshake: root → intermediate → leaf, each a protobuf
 * signed with XEdDSA. Production's root key is pinned in the client; the stand-in has one of its own.
 */
import { Buffer } from "node:buffer";
import { Curve, proto } from "@whiskeysockets/baileys";
import type { KeyPair } from "@whiskeysockets/baileys";

const YEAR_S = 365 * 24 * 3600;

/** A certification authority and the server identity it vouches for. */
export interface Certificate {
  /** The root's public X25519 key as 64 hex digits: what a client has to pin to trust this server. */
  rootKeyHex: string;
  /** The server's static Noise key. */
  serverKey: KeyPair;
  /** Encoded `CertChain`, as it goes into the server hello. */
  chain: Uint8Array;
}

function sign(issuer: KeyPair, details: proto.CertChain.NoiseCertificate.IDetails) {
  const bytes = proto.CertChain.NoiseCertificate.Details.encode(details).finish();
  return { details: bytes, signature: Curve.sign(issuer.private, bytes) };
}

/**
 * A fresh root, intermediate and leaf for `serverKey`, valid from a year before `nowMs` to a year after.
 *
 * `issuerSerial: 0` is written out: left away it decodes to null, and the client says "certification match failed".
 */
export function issueCertificate(serverKey: KeyPair, nowMs: number): Certificate {
  const root = Curve.generateKeyPair();
  const intermediate = Curve.generateKeyPair();
  const now = Math.floor(nowMs / 1000);
  const validity = { notBefore: now - YEAR_S, notAfter: now + YEAR_S };
  const chain = proto.CertChain.encode({
    intermediate: sign(root, { serial: 1, issuerSerial: 0, key: intermediate.public, ...validity }),
    leaf: sign(intermediate, { serial: 2, issuerSerial: 1, key: serverKey.public, ...validity }),
  }).finish();
  return { rootKeyHex: Buffer.from(root.public).toString("hex"), serverKey, chain };
}
