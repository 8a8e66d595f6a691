import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { Curve, makeNoiseHandler, NOISE_WA_HEADER, proto } from "@whiskeysockets/baileys";
import pino from "pino";
import { baileysLogger } from "../../src/whatsapp/baileys_logger.ts";
import { hardenBaileys } from "../../src/whatsapp/hardening.ts";
import { type Certificate, issueCertificate } from "../stand_in/certificate.ts";
import { ServerNoise } from "../stand_in/noise.ts";

/** Plays a handshake of Baileys with a server that shows `certificate`; throws what Baileys throws. */
function shakeHands({ serverKey, chain }: Certificate): void {
  const keyPair = Curve.generateKeyPair();
  const server = new ServerNoise(serverKey, NOISE_WA_HEADER);
  const clientHello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: keyPair.public } }).finish();
  const client = makeNoiseHandler({
    keyPair,
    NOISE_HEADER: NOISE_WA_HEADER,
    logger: baileysLogger(pino({ level: "silent" })),
  });
  const hello = proto.HandshakeMessage.decode(server.hello(clientHello, chain));
  client.processHandshake(hello, Curve.generateKeyPair());
}

const issue = () => issueCertificate(Curve.generateKeyPair(), Date.now());

Deno.test("hardenBaileys() lets the server in whose root is pinned", () => {
  const certificate = issue();
  hardenBaileys(certificate.rootKeyHex);
  shakeHands(certificate);
});

Deno.test("hardenBaileys() refuses a chain by a root nobody trusts", () => {
  hardenBaileys(issue().rootKeyHex);
  assert.throws(() => shakeHands(issue()), /intermediate certificate signature invalid/);
});

Deno.test("hardenBaileys() refuses a leaf its intermediate did not sign", () => {
  const certificate = issue();
  hardenBaileys(certificate.rootKeyHex);
  const chain = proto.CertChain.decode(certificate.chain);
  const signature = Buffer.from(chain.leaf!.signature!);
  signature[0] = signature[0]! ^ 1;
  const leaf = { details: chain.leaf!.details!, signature };
  const forged = proto.CertChain.encode({ intermediate: chain.intermediate!, leaf }).finish();
  assert.throws(
    () => shakeHands({ ...certificate, chain: forged }),
    /noise certificate signature invalid/,
  );
});

Deno.test("hardenBaileys() refuses a server that shows the certificate of another one", () => {
  const certificate = issue();
  hardenBaileys(certificate.rootKeyHex);
  assert.throws(
    () => shakeHands({ ...certificate, serverKey: Curve.generateKeyPair() }),
    /intermediate certificate signature invalid/,
  );
});

Deno.test("hardenBaileys() verifies the signatures of accounts too", () => {
  hardenBaileys(undefined);
  const account = Curve.generateKeyPair();
  const message = Buffer.from("account");
  const signature = Curve.sign(account.private, message);
  assert(Curve.verify(account.public, message, signature));
  assert(!Curve.verify(account.public, Buffer.from("another"), signature));
});
