import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { Curve } from "@whiskeysockets/baileys";
import { verifyXeddsa } from "../../src/whatsapp/xeddsa.ts";

/** The library below Baileys: slow, and the only other implementation at hand. */
interface LibsignalCurve {
  verifySignature(publicKey: Buffer, message: Buffer, signature: Buffer): boolean;
}
const requireFromBaileys = createRequire(import.meta.resolve("@whiskeysockets/baileys"));
const libsignal = requireFromBaileys("libsignal/src/curve.js") as LibsignalCurve;

const typed = (publicKey: Uint8Array) => Buffer.concat([Buffer.from([5]), publicKey]);

Deno.test("verifyXeddsa() agrees with libsignal on valid and tampered signatures", () => {
  const pairs = Array.from({ length: 20 }, () => Curve.generateKeyPair());
  for (let round = 0; round < 60; round++) {
    const { public: publicKey, private: privateKey } = pairs[round % pairs.length]!;
    const message = randomBytes(round * 7 % 300);
    const signature = Buffer.from(Curve.sign(privateKey, message));
    const tamper = (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      const index = Math.floor(Math.random() * copy.length);
      copy[index] = copy[index]! ^ (1 << Math.floor(Math.random() * 8));
      return copy;
    };
    const cases: [Buffer, Buffer, Buffer][] = [
      [Buffer.from(publicKey), message, signature],
      [Buffer.from(publicKey), message, tamper(signature)],
      [Buffer.from(publicKey), Buffer.concat([message, Buffer.from([0])]), signature],
      [Buffer.from(pairs[(round + 1) % pairs.length]!.public), message, signature],
    ];
    for (const [index, [key, text, mark]] of cases.entries()) {
      const expected = libsignal.verifySignature(typed(key), text, mark);
      assert.equal(expected, index === 0);
      assert.equal(
        verifyXeddsa(key, text, mark),
        expected,
        `${key.toString("hex")} ${mark.toString("hex")}`,
      );
      assert.equal(verifyXeddsa(typed(key), text, mark), expected);
    }
  }
});

Deno.test("verifyXeddsa() takes no tampered byte", () => {
  const { public: publicKey, private: privateKey } = Curve.generateKeyPair();
  const message = Buffer.from("a certificate");
  const signature = Buffer.from(Curve.sign(privateKey, message));
  for (let index = 0; index < 64; index++) {
    for (const bit of [0x01, 0x80]) {
      const tampered = Buffer.from(signature);
      tampered[index] = tampered[index]! ^ bit;
      assert(!verifyXeddsa(publicKey, message, tampered), `byte ${index}, bit ${bit}`);
    }
  }
});

Deno.test("verifyXeddsa() refuses what is no key or no signature, and throws at nothing", () => {
  const { public: publicKey, private: privateKey } = Curve.generateKeyPair();
  const message = Buffer.from("a certificate");
  const signature = Buffer.from(Curve.sign(privateKey, message));
  const zeros = (length: number) => new Uint8Array(length);
  const ones = (length: number) => new Uint8Array(length).fill(255);
  // p − 1, whose Edwards form would need a division by zero.
  const minusOne = Buffer.from(ones(32));
  minusOne[0] = 0xec;
  minusOne[31] = 0x7f;
  for (const key of [zeros(0), zeros(31), zeros(32), zeros(33), zeros(64), ones(32), ones(33), minusOne]) {
    assert(!verifyXeddsa(key, message, signature));
  }
  for (const mark of [zeros(0), zeros(63), zeros(64), zeros(65), ones(64)]) {
    assert(!verifyXeddsa(publicKey, message, mark));
  }
  // A small-order key for which the all-zero signature would pass a lax verifier.
  assert(!verifyXeddsa(zeros(32), message, zeros(64)));
});
