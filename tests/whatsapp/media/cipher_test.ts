import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { encryptedStream, type MediaType } from "@whiskeysockets/baileys";
import { decryptMedia, encryptMedia, MediaDamaged } from "../../../src/whatsapp/media/cipher.ts";

const TYPES: readonly MediaType[] = ["image", "video", "audio", "document", "sticker"];

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function sealed(plain: Uint8Array, type: MediaType, size = 1000, mediaKey?: Uint8Array) {
  const written: Uint8Array[] = [];
  const seal = await encryptMedia(pieces(plain, size), type, (piece) => {
    written.push(piece);
    return Promise.resolve();
  }, mediaKey);
  return { seal, bytes: Buffer.concat(written) };
}

const opened = async (bytes: Uint8Array, ...about: [MediaType, Parameters<typeof decryptMedia>[2]]) =>
  Buffer.concat(await Array.fromAsync(decryptMedia(pieces(bytes, 777), ...about)));

Deno.test("encryptMedia() seals media of every type and size so that decryptMedia() opens them", async () => {
  for (const type of TYPES) {
    for (const length of [0, 1, 9, 10, 15, 16, 17, 4096, 100_003]) {
      const plain = randomBytes(length);
      const { seal, bytes } = await sealed(plain, type);
      assert.equal(seal.fileLength, length);
      assert.deepEqual(await opened(bytes, type, seal), plain, `${type} of ${length} bytes`);
    }
  }
});

Deno.test("decryptMedia() opens what Baileys seals", async () => {
  const plain = randomBytes(50_000);
  for (const type of TYPES) {
    const { encFilePath, mediaKey, fileSha256, fileEncSha256 } = await encryptedStream(plain, type);
    try {
      const bytes = await readFile(encFilePath);
      assert.deepEqual(await opened(bytes, type, { mediaKey, fileSha256, fileEncSha256 }), plain);
      const { seal, bytes: ours } = await sealed(plain, type, 333, mediaKey);
      assert.deepEqual(ours, bytes, "and encryptMedia() makes the same of it");
      assert.deepEqual(Buffer.from(seal.fileEncSha256), fileEncSha256);
    } finally {
      await rm(encFilePath);
    }
  }
});

Deno.test("decryptMedia() refuses what was cut off, tampered with, or is something else", async () => {
  const { seal, bytes } = await sealed(randomBytes(5000), "image");
  const other = await sealed(randomBytes(5000), "image", 1000, seal.mediaKey);
  const flipped = (at: number) => {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 1;
    return copy;
  };
  const wrong: [string, Uint8Array, MediaType][] = [
    ["nothing", Buffer.alloc(0), "image"],
    ["half", bytes.subarray(0, 2500), "image"],
    ["all but the MAC", bytes.subarray(0, -10), "image"],
    ["a flipped bit", flipped(100), "image"],
    ["a flipped bit in the MAC", flipped(bytes.length - 1), "image"],
    ["another medium under the same key", other.bytes, "image"],
    ["the keys of another type", bytes, "video"],
  ];
  for (const [what, copy, type] of wrong) {
    await assert.rejects(opened(copy, type, seal), MediaDamaged, what);
  }
});
