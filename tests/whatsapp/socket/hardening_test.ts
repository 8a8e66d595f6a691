import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { Curve, makeNoiseHandler, NOISE_WA_HEADER, proto } from "@whiskeysockets/baileys";
import pino from "pino";
import { baileysLogger } from "../../../src/whatsapp/socket/baileys_logger.ts";
import { hardenBaileys } from "../../../src/whatsapp/socket/hardening.ts";
import { UntrustedServer } from "../../../src/whatsapp/socket/server_certificate.ts";
import { BareClient } from "../../stand_in/bare_client.ts";
import { MemoryAuth } from "../../stand_in/memory_auth.ts";
import {
  type Certificate,
  FLAWS,
  type Issue,
  issueCertificate,
  rootKeyHexOf,
} from "../../stand_in/certificate.ts";
import { libsignal } from "../../stand_in/libsignal.ts";
import { ServerNoise } from "../../stand_in/noise.ts";
import { startStandIn } from "../../stand_in/stand_in.ts";

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

/** A certificate whose root is trusted from now on. */
function trusted(issue: Partial<Issue> = {}): Certificate {
  const certificate = issueCertificate({ serverKey: Curve.generateKeyPair(), nowMs: Date.now(), ...issue });
  hardenBaileys(rootKeyHexOf(certificate));
  return certificate;
}

Deno.test("hardenBaileys() lets the server in whose root is pinned", () => {
  shakeHands(trusted());
});

Deno.test("hardenBaileys() lets a server in whose certificates have no dates", () => {
  shakeHands(trusted({ undated: true }));
});

Deno.test("hardenBaileys() refuses every flaw of a certificate, and says which it is", () => {
  const reasons: Record<typeof FLAWS[number], RegExp> = {
    foreign_root: /intermediate certificate is not signed by WhatsApp's root/,
    foreign_leaf: /leaf certificate is that of another server/,
    tampered_intermediate: /intermediate certificate is not signed by WhatsApp's root/,
    tampered_leaf: /leaf certificate is not signed by its intermediate/,
    expired_intermediate: /intermediate certificate expired at \d{4}-.*: if that is to come, the clock/,
    expired_leaf: /leaf certificate expired at \d{4}-.*: if that is to come, the clock/,
    premature_intermediate:
      /intermediate certificate is not valid before \d{4}-.*: if that is past, the clock/,
    premature_leaf: /leaf certificate is not valid before \d{4}-.*: if that is past, the clock/,
    wrong_issuer_of_intermediate: /name another issuer/,
    wrong_issuer_of_leaf: /name another issuer/,
  };
  for (const flaw of FLAWS) {
    const certificate = trusted({ flaw });
    assert.throws(() => shakeHands(certificate), (error) => {
      assert(error instanceof UntrustedServer, flaw);
      assert.match(error.message, reasons[flaw], flaw);
      return true;
    });
  }
});

Deno.test("hardenBaileys() refuses WhatsApp's own chain on a server that has not the key to it", () => {
  const certificate = trusted();
  assert.throws(
    () => shakeHands({ ...certificate, serverKey: Curve.generateKeyPair() }),
    /leaf certificate is that of another server/,
  );
});

Deno.test("hardenBaileys() refuses what is no chain at all", () => {
  const certificate = trusted();
  const { leaf, intermediate } = proto.CertChain.toObject(
    proto.CertChain.fromObject({ leaf: { details: Buffer.alloc(4) } }),
  );
  const chains: Uint8Array[] = [
    Buffer.alloc(0),
    Buffer.from("no protobuf"),
    certificate.chain.subarray(0, -1),
    proto.CertChain.encode({ leaf, intermediate }).finish(),
  ];
  for (const chain of chains) assert.throws(() => shakeHands({ ...certificate, chain }), UntrustedServer);
});

Deno.test("hardenBaileys() trusts WhatsApp's root when it is given no other", () => {
  const certificate = trusted();
  shakeHands(certificate);
  hardenBaileys(undefined);
  assert.throws(() => shakeHands(certificate), /not signed by WhatsApp's root/);
});

Deno.test("hardenBaileys() goes by the clock it is given", () => {
  const certificate = trusted();
  const day = 24 * 3600_000;
  hardenBaileys(rootKeyHexOf(certificate), () => certificate.nowMs + 366 * day);
  assert.throws(() => shakeHands(certificate), /expired/);
  hardenBaileys(rootKeyHexOf(certificate), () => certificate.nowMs - 366 * day);
  assert.throws(() => shakeHands(certificate), /not valid before/);
});

Deno.test("hardenBaileys() does not mix up the handshakes of many sockets at once", async () => {
  await using honest = await startStandIn();
  await using borrowing = await startStandIn({
    certificate: { ...honest.certificate, serverKey: Curve.generateKeyPair() },
  });
  hardenBaileys(honest.rootKeyHex);
  await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    if (index % 2 === 0) {
      await using client = new BareClient(honest.url, new MemoryAuth());
      await client.qr();
    } else {
      await using client = new BareClient(borrowing.url, new MemoryAuth());
      assert.match((await client.closed()).message, /leaf certificate is that of another server/);
    }
  }));
  assert.equal(borrowing.stats.links, 0, "no handshake was finished");
});

Deno.test("hardenBaileys() verifies the signatures of accounts too", () => {
  hardenBaileys(undefined);
  const account = Curve.generateKeyPair();
  const message = Buffer.from("account");
  const signature = Curve.sign(account.private, message);
  assert(Curve.verify(account.public, message, signature));
  assert(!Curve.verify(account.public, Buffer.from("another"), signature));
});

Deno.test("hardenBaileys() has libsignal sign and verify natively", () => {
  hardenBaileys(undefined);
  const account = Curve.generateKeyPair();
  const message = Buffer.from("for a group");
  const signature = libsignal.calculateSignature(Buffer.from(account.private), message);
  const again = libsignal.calculateSignature(Buffer.from(account.private), message);
  assert.notDeepEqual(again, signature, "its own are always the same");
  const typed = Buffer.concat([Buffer.from([5]), account.public]);
  assert(libsignal.verifySignature(typed, message, signature));
  assert(!libsignal.verifySignature(typed, Buffer.from("another"), signature));
});
