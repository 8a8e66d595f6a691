import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Curve, proto } from "@whiskeysockets/baileys";
import { issueCertificate } from "./certificate.ts";
import { verifyXeddsa } from "../../src/whatsapp/socket/xeddsa.ts";

Deno.test("verifyXeddsa() takes what libsignal signs and nothing tampered with", () => {
  for (let round = 0; round < 10; round++) {
    const pair = Curve.generateKeyPair();
    const message = Buffer.from(`message ${round}`);
    const signature = Curve.sign(pair.private, message);
    assert(verifyXeddsa(pair.public, message, signature));
    for (const index of [0, 31, 32, 63]) {
      const tampered = Buffer.from(signature);
      tampered[index]! ^= 1;
      assert(!verifyXeddsa(pair.public, message, tampered));
    }
    assert(!verifyXeddsa(pair.public, Buffer.from("another"), signature));
    assert(!verifyXeddsa(Curve.generateKeyPair().public, message, signature));
  }
});

Deno.test("issueCertificate() makes a chain from its root to the server's key", () => {
  const server = Curve.generateKeyPair();
  const { root, chain } = issueCertificate({ serverKey: server, nowMs: Date.now() });
  const { intermediate, leaf } = proto.CertChain.decode(chain);
  const { Details } = proto.CertChain.NoiseCertificate;
  const upper = Details.decode(intermediate!.details!);
  const lower = Details.decode(leaf!.details!);
  assert(verifyXeddsa(root.public, intermediate!.details!, intermediate!.signature!));
  assert(verifyXeddsa(upper.key!, leaf!.details!, leaf!.signature!));
  assert.deepEqual([upper.issuerSerial, lower.issuerSerial], [0, upper.serial]);
  assert.deepEqual(Buffer.from(lower.key!), Buffer.from(server.public));
});
