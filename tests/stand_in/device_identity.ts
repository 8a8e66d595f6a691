/**
 * The account's and the device's signatures that tie a companion to its account (ADV). The phone signs first, the
 * companion countersigns, and whoever gets a first message from a companion checks both.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import {
  Curve,
  hmacSign,
  proto,
  WA_ADV_ACCOUNT_SIG_PREFIX,
  WA_ADV_DEVICE_SIG_PREFIX,
} from "@whiskeysockets/baileys";
import type { KeyPair } from "@whiskeysockets/baileys";
import type { Companion } from "./companion.ts";
import { verifyXeddsa } from "../../src/whatsapp/socket/xeddsa.ts";

/** What the phone signed, and the sealed form the companion gets. */
export interface SignedByPhone {
  details: Uint8Array;
  /** Encoded ADVSignedDeviceIdentityHMAC: only who knows the companion's secret could make it. */
  sealed: Uint8Array;
}

/** What can be wrong with what a phone signs: no companion may take it. */
export const ACCOUNT_FLAWS = ["signature", "hmac"] as const;

/** One of {@link ACCOUNT_FLAWS}. */
export type AccountFlaw = typeof ACCOUNT_FLAWS[number];

/** Signs a companion into an account; `advSecret` is the 32-byte secret from the QR or the pairing code. */
export function signDeviceIdentity(
  account: KeyPair,
  companionIdentity: Uint8Array,
  keyIndex: number,
  advSecret: Uint8Array,
  nowMs: number,
  flaw?: AccountFlaw,
): SignedByPhone {
  const details = proto.ADVDeviceIdentity.encode({
    rawId: randomBytes(4).readUInt32BE(),
    timestamp: Math.floor(nowMs / 1000),
    keyIndex,
    accountType: proto.ADVEncryptionType.E2EE,
    deviceType: proto.ADVEncryptionType.E2EE,
  }).finish();
  const signed = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, companionIdentity]);
  const accountSignature = Buffer.from(Curve.sign(account.private, signed));
  if (flaw === "signature") accountSignature[0]! ^= 1;
  const identity = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: account.public,
    accountSignature,
  }).finish();
  const secret = flaw === "hmac" ? randomBytes(32) : advSecret;
  const sealed = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: identity,
    hmac: hmacSign(identity, secret),
  }).finish();
  return { details, sealed };
}

/** Whether the companion countersigned `details` with the identity it registered. */
export function isCountersigned(
  details: Uint8Array,
  companionIdentity: Uint8Array,
  accountKey: Uint8Array,
  signature: Uint8Array,
): boolean {
  const signed = Buffer.concat([WA_ADV_DEVICE_SIG_PREFIX, details, companionIdentity, accountKey]);
  return verifyXeddsa(companionIdentity, signed, signature);
}

/** Checks the `<device-identity>` of a companion's first message; throws when a signature is missing or wrong. */
export function verifyDeviceIdentity(encoded: Uint8Array | undefined, companion: Companion): void {
  if (!encoded) throw new Error(`First message of ${companion.jid} carries no device identity`);
  const { details, accountSignatureKey, accountSignature, deviceSignature } = proto.ADVSignedDeviceIdentity
    .decode(encoded);
  const { accountKey } = companion.owner;
  if (!accountSignatureKey || !Buffer.from(accountSignatureKey).equals(accountKey)) {
    throw new Error(`Device identity of ${companion.jid} names another account key`);
  }
  const signed = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details!, companion.identityKey]);
  if (!verifyXeddsa(accountKey, signed, accountSignature!)) {
    throw new Error(`Device identity of ${companion.jid} is not signed by its account`);
  }
  if (!isCountersigned(details!, companion.identityKey, accountKey, deviceSignature!)) {
    throw new Error(`Device identity of ${companion.jid} is not signed by the device`);
  }
}
