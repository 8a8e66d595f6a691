import { Buffer } from "node:buffer";
import { proto } from "@whiskeysockets/baileys";
import { verifyXeddsa } from "./xeddsa.ts";

const { CertChain } = proto;
const { Details } = CertChain.NoiseCertificate;
/** The method itself: `hardenBaileys` puts another one in its place. */
const { decode } = CertChain;

/** The root signs with this serial. */
const ROOT_SERIAL = 0;

/** After this there are no dates in JavaScript. */
const LAST_DATE_MS = 8.64e15;

/** A server that cannot prove that it is WhatsApp. The message says why, to a person. */
export class UntrustedServer extends Error {
  override readonly name = "UntrustedServer";
  readonly code = "untrusted_server";
}

/** What a chain has to fit to. */
export interface Expectation {
  /** Whose signature is believed: 32 bytes. */
  readonly rootKey: Uint8Array;
  /** The static key the server has proved to hold. */
  readonly serverKey: Uint8Array;
  readonly nowMs: number;
}

/**
 * Verifies the certificates a server shows in the handshake: root → intermediate → leaf → its static key, none of them
 * outside its dates. A date that is not there limits nothing; WhatsApp's certificates carry both.
 *
 * @param encoded a `CertChain`
 * @returns the chain
 * @throws {UntrustedServer}
 * @see https://github.com/tulir/whatsmeow/blob/main/handshake.go verifyServerCert and checkCertValidity check the same
 */
export function verifyServer(
  encoded: Uint8Array,
  { rootKey, serverKey, nowMs }: Expectation,
): proto.CertChain {
  const chain = readable(() => decode(encoded));
  const { intermediate, leaf } = chain;
  const intermediateBytes = intermediate?.details;
  const leafBytes = leaf?.details;
  if (!intermediateBytes || !intermediate.signature || !leafBytes || !leaf.signature) {
    throw new UntrustedServer("The server does not show both certificates with their signatures");
  }
  if (!verifyXeddsa(rootKey, intermediateBytes, intermediate.signature)) {
    throw new UntrustedServer(
      "The server's intermediate certificate is not signed by WhatsApp's root: it is of a foreign root, or tampered with",
    );
  }
  const issuer = readable(() => Details.decode(intermediateBytes));
  if (!verifyXeddsa(issuer.key ?? new Uint8Array(), leafBytes, leaf.signature)) {
    throw new UntrustedServer(
      "The server's leaf certificate is not signed by its intermediate: it is of another one, or tampered with",
    );
  }
  const subject = readable(() => Details.decode(leafBytes));
  if ((issuer.issuerSerial ?? 0) !== ROOT_SERIAL || (subject.issuerSerial ?? 0) !== (issuer.serial ?? 0)) {
    throw new UntrustedServer("The server's certificates name another issuer than the one that signed them");
  }
  if (!Buffer.from(subject.key ?? []).equals(serverKey)) {
    throw new UntrustedServer(
      "The server's leaf certificate is that of another server: its key is not the server's",
    );
  }
  verifyDates("intermediate", issuer, nowMs);
  verifyDates("leaf", subject, nowMs);
  return chain;
}

function verifyDates(name: string, details: proto.CertChain.NoiseCertificate.IDetails, nowMs: number): void {
  const notBeforeMs = milliseconds(details.notBefore);
  const notAfterMs = milliseconds(details.notAfter);
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) {
    const from = new Date(notBeforeMs).toISOString();
    throw new UntrustedServer(
      `The server's ${name} certificate is not valid before ${from}: if that is past, the clock of this machine is slow`,
    );
  }
  if (notAfterMs !== undefined && nowMs > notAfterMs) {
    const until = new Date(notAfterMs).toISOString();
    throw new UntrustedServer(
      `The server's ${name} certificate expired at ${until}: if that is to come, the clock of this machine is fast`,
    );
  }
}

/** A date on the wire is in seconds: a number, or an object that prints as one. */
function milliseconds(seconds: unknown): number | undefined {
  if (seconds === null || seconds === undefined) return undefined;
  return Math.min(Number(seconds) * 1000, LAST_DATE_MS);
}

function readable<T>(decodeIt: () => T): T {
  try {
    return decodeIt();
  } catch (cause) {
    throw new UntrustedServer("The server's certificates cannot be read", { cause });
  }
}
