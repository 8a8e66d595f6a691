import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  dimensionsOf,
  isAnimatedWebp,
  type PlayingFacts,
  playingProbe,
} from "../../../../src/whatsapp/media/outgoing/media_facts.ts";
import { mp3Of, mp4Of, SAMPLES } from "../../../media_samples.ts";

async function factsOf(bytes: Uint8Array, mimeType: string, size = 1000): Promise<PlayingFacts> {
  await using probe = playingProbe(mimeType);
  for (let at = 0; at < bytes.length; at += size) await probe.take(bytes.subarray(at, at + size));
  const { seconds, dimensions } = await probe.end();
  return { seconds, dimensions };
}

const secondsOf = async (bytes: Uint8Array, mimeType: string, size?: number) =>
  (await factsOf(bytes, mimeType, size)).seconds;

Deno.test("dimensionsOf() reads the size of a picture from its first bytes", () => {
  assert.deepEqual(dimensionsOf(SAMPLES["photo.jpg"]), { width: 8, height: 6 });
  assert.deepEqual(dimensionsOf(SAMPLES["dot.png"]), { width: 1, height: 1 });
  assert.deepEqual(dimensionsOf(SAMPLES["sticker.webp"]), { width: 1, height: 1 });
  assert.equal(dimensionsOf(SAMPLES["photo.jpg"].subarray(0, 100)), undefined);
  assert.equal(dimensionsOf(SAMPLES["invoice.pdf"]), undefined);
});

Deno.test("isAnimatedWebp() knows the stickers that move", () => {
  assert.equal(isAnimatedWebp(SAMPLES["moving.webp"]), true);
  assert.equal(isAnimatedWebp(SAMPLES["sticker.webp"]), false);
  assert.equal(isAnimatedWebp(SAMPLES["dot.png"]), false);
});

Deno.test("playingProbe() learns how long what has passed plays", async () => {
  assert.equal(await secondsOf(SAMPLES["song.m4a"], "audio/mp4"), 3);
  assert.equal(await secondsOf(SAMPLES["voice.ogg"], "audio/ogg; codecs=opus"), 2);
  assert.equal(Math.round((await secondsOf(mp3Of(400), "audio/mpeg"))!), 10);
});

Deno.test("playingProbe() learns of MP4 how large it is shown, wherever that stands and however it is cut", async () => {
  const wide = { width: 16, height: 9 };
  for (const size of [1, 7, 100, 100_000]) {
    for (const moovLast of [false, true]) {
      const bytes = mp4Of(5000, { moovLast });
      assert.deepEqual(await factsOf(bytes, "video/mp4", size), { seconds: 3, dimensions: wide });
    }
  }
  const turned = await factsOf(mp4Of(100, { isTurned: true }), "video/quicktime");
  assert.deepEqual(turned.dimensions, { width: 9, height: 16 });
  const large = await factsOf(mp4Of(20_000_000, { moovLast: true }), "video/mp4", 64 * 1024);
  assert.deepEqual(large, { seconds: 3, dimensions: wide });
});

Deno.test("playingProbe() takes what it is not told, or told wrong, for unknown", async () => {
  const { seconds: unknown } = await factsOf(new Uint8Array(50_000), "audio/mpeg");
  assert.equal(unknown, undefined);
  assert.equal(await secondsOf(SAMPLES["invoice.pdf"], "audio/mpeg"), undefined);
  assert.equal(await secondsOf(SAMPLES["clip.mp4"].subarray(0, 60), "video/mp4"), undefined);
  assert.equal(await secondsOf(new Uint8Array(), "audio/ogg"), undefined);
  for (let round = 0; round < 200; round++) {
    const damaged = Uint8Array.from(SAMPLES["clip.mp4"]);
    for (const at of randomBytes(20)) damaged[at] = at;
    await factsOf(damaged, "video/mp4", 1 + round);
  }
});

Deno.test("playingProbe() does not listen to what is very long, and can be given up at any moment", async () => {
  assert.equal(await secondsOf(mp3Of(45_000), "audio/mpeg", 256 * 1024), undefined);
  for (const pieces of [0, 1, 2]) {
    const probe = playingProbe("audio/mpeg");
    for (let piece = 0; piece < pieces; piece++) await probe.take(mp3Of(10));
    await probe[Symbol.asyncDispose]();
  }
});
