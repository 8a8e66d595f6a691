/**
 * The chain a WhatsApp Web server shows inside the Noise handshake: root → intermediate → leaf, each a protobuf
 * signed with XEdDSA. Production's root key is pinned in the client; the stand-in has one of its own.
 */
import { Buffer } from "node:buffer";
import { Curve, proto } from "@whiskeysockets/baileys";
import type { KeyPair } from "@whiskeysockets/baileys";

const YEAR_S = 365 * 24 * 3600;

/** What can be wrong with a chain: no client may trust it. */
export const FLAWS = [
  "foreign_root",
  "foreign_leaf",
  "tampered_intermediate",
  "tampered_leaf",
  "expired_intermediate",
  "expired_leaf",
  "premature_intermediate",
  "premature_leaf",
  "wrong_issuer_of_intermediate",
  "wrong_issuer_of_leaf",
] as const;

/** One of {@link FLAWS}. */
export type Flaw = typeof FLAWS[number];

/** A certification authority and the server identity it vouches for. */
export interface Certificate {
  /** The root whose public X25519 key a client has to pin to trust this server. */
  root: KeyPair;
  /** The server's static Noise key. */
  serverKey: KeyPair;
  /** When it was issued. */
  nowMs: number;
  /** Encoded `CertChain`, as it goes into the server hello. */
  chain: Uint8Array;
}

/** How to issue a {@link Certificate}. */
export interface Issue {
  serverKey: KeyPair;
  nowMs: number;
  /** Default: a fresh one. */
  root?: KeyPair;
  flaw?: Flaw | undefined;
  /** Leaves the dates away, as a proto3 writer may. */
  undated?: boolean;
}

/** The root's public key as 64 hex digits, as clients pin it. */
export function rootKeyHexOf({ root }: Certificate): string {
  return Buffer.from(root.public).toString("hex");
}

/**
 * A fresh intermediate and leaf, valid from a year before `nowMs` to a year after.
 *
 * `issuerSerial: 0` is written out: left away it decodes to null, and the client says "certification match failed".
 */
export function issueCertificate(
  { serverKey, nowMs, root = Curve.generateKeyPair(), flaw, undated = false }: Issue,
): Certificate {
  const intermediate = Curve.generateKeyPair();
  const signs = flaw === "foreign_root" ? Curve.generateKeyPair() : root;
  const validity = (name: "intermediate" | "leaf") => {
    if (undated) return {};
    const now = Math.floor(nowMs / 1000);
    if (flaw === `expired_${name}`) return { notBefore: now - YEAR_S, notAfter: now - 60 };
    if (flaw === `premature_${name}`) return { notBefore: now + 60, notAfter: now + YEAR_S };
    return { notBefore: now - YEAR_S, notAfter: now + YEAR_S };
  };
  const chain = proto.CertChain.encode({
    intermediate: sign(signs, flaw === "tampered_intermediate", {
      serial: 1,
      issuerSerial: flaw === "wrong_issuer_of_intermediate" ? 7 : 0,
      key: intermediate.public,
      ...validity("intermediate"),
    }),
    leaf: sign(intermediate, flaw === "tampered_leaf", {
      serial: 2,
      issuerSerial: flaw === "wrong_issuer_of_leaf" ? 7 : 1,
      key: flaw === "foreign_leaf" ? Curve.generateKeyPair().public : serverKey.public,
      ...validity("leaf"),
    }),
  }).finish();
  return { root, serverKey, nowMs, chain };
}

function sign(issuer: KeyPair, tampered: boolean, details: proto.CertChain.NoiseCertificate.IDetails) {
  const bytes = proto.CertChain.NoiseCertificate.Details.encode(details).finish();
  const signature = Buffer.from(Curve.sign(issuer.private, bytes));
  if (tampered) signature[0]! ^= 1;
  return { details: bytes, signature };
}
