import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { randomBytes, randomInt } from "node:crypto";
import { Curve } from "@whiskeysockets/baileys";
import { signXeddsa, verifyXeddsa } from "../../../src/whatsapp/socket/xeddsa.ts";
import { libsignal } from "../../stand_in/libsignal.ts";

/** Of each kind. libsignal takes 50 ms for all it has to do with one. */
const SIGNATURES = Number(Deno.env.get("SIGNATURES") ?? 60);

const typed = (publicKey: Uint8Array) => Buffer.concat([Buffer.from([5]), publicKey]);

/** `bytes` with one bit turned over. */
function tamper(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy[randomInt(copy.length)]! ^= 1 << randomInt(8);
  return copy;
}

function fresh(round: number) {
  const { public: publicKey, private: privateKey } = Curve.generateKeyPair();
  return {
    publicKey: Buffer.from(publicKey),
    privateKey: Buffer.from(privateKey),
    message: randomBytes(1 + round * 7 % 300),
  };
}

Deno.test("verifyXeddsa() agrees with libsignal on valid and tampered signatures", () => {
  for (let round = 0; round < SIGNATURES; round++) {
    const { publicKey, privateKey, message } = fresh(round);
    const signature = libsignal.calculateSignature(privateKey, message);
    assert(libsignal.verifySignature(typed(publicKey), message, signature));
    assert(verifyXeddsa(publicKey, message, signature));
    assert(verifyXeddsa(typed(publicKey), message, signature));
    const forged: [Buffer, Buffer, Buffer][] = [
      [publicKey, message, tamper(signature)],
      [publicKey, tamper(message), signature],
      [fresh(round).publicKey, message, signature],
    ];
    const [key, text, mark] = forged[round % forged.length]!;
    const described = [key, text, mark].map((bytes) => bytes.toString("hex")).join(" ");
    assert(!libsignal.verifySignature(typed(key), text, mark), described);
    for (const [key, text, mark] of forged) assert(!verifyXeddsa(key, text, mark), described);
  }
});

Deno.test("signXeddsa() signs as libsignal does", () => {
  for (let round = 0; round < SIGNATURES; round++) {
    const { publicKey, privateKey, message } = fresh(round);
    const signature = Buffer.from(signXeddsa(privateKey, message));
    assert(libsignal.verifySignature(typed(publicKey), message, signature));
    assert(!libsignal.verifySignature(typed(publicKey), message, tamper(signature)));
  }
});

Deno.test("verifyXeddsa() knows more keys than it keeps", () => {
  const signed = Array.from({ length: 600 }, (_, round) => {
    const { publicKey, privateKey, message } = fresh(round);
    return { publicKey, message, signature: signXeddsa(privateKey, message) };
  });
  for (const { publicKey, message, signature } of [...signed, ...signed]) {
    assert(verifyXeddsa(publicKey, message, signature));
    assert(!verifyXeddsa(publicKey, message, tamper(signature)));
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
