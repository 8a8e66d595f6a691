import assert from "node:assert/strict";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";
import {
  isOpus,
  isPlayed,
  type MediaKind,
  typeOf,
} from "../../../../src/whatsapp/media/outgoing/media_type.ts";
import { SAMPLES } from "../../../media_samples.ts";

type Sample = keyof typeof SAMPLES;

const typed = (sample: Sample, kind: MediaKind, declared?: string, fileName?: string) =>
  typeOf(SAMPLES[sample], kind, { declared, fileName });

Deno.test("typeOf() says what the bytes are, whatever they are said to be", async () => {
  const all: readonly [Sample, MediaKind, string][] = [
    ["photo.jpg", "IMAGE", "image/jpeg"],
    ["dot.png", "IMAGE", "image/png"],
    ["dot.gif", "IMAGE", "image/gif"],
    ["sticker.webp", "IMAGE", "image/webp"],
    ["sticker.webp", "STICKER", "image/webp"],
    ["moving.webp", "STICKER", "image/webp"],
    ["clip.mp4", "VIDEO", "video/mp4"],
    ["clip.mp4", "AUDIO", "audio/mp4"],
    ["song.m4a", "AUDIO", "audio/mp4"],
    ["song.mp3", "AUDIO", "audio/mpeg"],
    ["voice.ogg", "AUDIO", "audio/ogg; codecs=opus"],
    ["invoice.pdf", "DOCUMENT", "application/pdf"],
    ["photo.jpg", "DOCUMENT", "image/jpeg"],
    ["archive.zip", "DOCUMENT", "application/zip"],
    ["list.csv", "DOCUMENT", "text/plain"],
  ];
  for (const [sample, kind, mimeType] of all) {
    assert.deepEqual(await typed(sample, kind), { mimeType }, `${sample} as ${kind}`);
    if (sample === "list.csv" || sample === "archive.zip") continue;
    const wrong = "model/gltf+json";
    assert.deepEqual(
      await typed(sample, kind, wrong),
      { mimeType, differsFrom: wrong },
      `${sample} as ${kind}`,
    );
  }
});

Deno.test("typeOf() refuses what cannot be shown as its kind, and says what to do", async () => {
  const mismatches: readonly [Sample, MediaKind, RegExp][] = [
    [
      "invoice.pdf",
      "IMAGE",
      /^Cannot send application\/pdf as IMAGE: convert it to JPEG or PNG, or send it as DOCUMENT$/,
    ],
    ["list.csv", "IMAGE", /^Cannot send bytes of no such type as IMAGE/],
    ["clip.mp4", "IMAGE", /video\/mp4/],
    ["dot.gif", "VIDEO", /image\/gif as VIDEO: convert it to MP4, also when it is to play as a GIF/],
    ["song.mp3", "VIDEO", /audio\/mpeg/],
    ["photo.jpg", "AUDIO", /image\/jpeg/],
    ["dot.png", "STICKER", /image\/png as STICKER: convert it to WebP/],
  ];
  for (const [sample, kind, message] of mismatches) {
    // What it is said to be helps it nothing.
    await assert.rejects(typed(sample, kind, "image/jpeg"), (error) => {
      assert.ok(error instanceof MediaFailure);
      assert.deepEqual([error.code, error.retryable], ["media_type_mismatch", false]);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("typeOf() takes other names of a type, and what says nothing, for no disagreement", async () => {
  const same: readonly [Sample, MediaKind, string][] = [
    ["photo.jpg", "IMAGE", "image/jpg"],
    ["photo.jpg", "IMAGE", "IMAGE/JPEG; charset=binary"],
    ["photo.jpg", "IMAGE", "application/octet-stream"],
    ["photo.jpg", "IMAGE", "binary/octet-stream"],
    ["song.mp3", "AUDIO", "audio/mp3"],
    ["song.m4a", "AUDIO", "audio/x-m4a"],
    ["clip.mp4", "AUDIO", "audio/mp4"],
    ["clip.mp4", "AUDIO", "video/mp4"],
    ["voice.ogg", "AUDIO", "audio/ogg"],
    ["voice.ogg", "AUDIO", "audio/opus"],
    ["voice.ogg", "AUDIO", "application/ogg"],
    ["clip.mp4", "VIDEO", "video/x-m4v"],
  ];
  for (const [sample, kind, declared] of same) {
    const { differsFrom } = await typed(sample, kind, declared);
    assert.equal(differsFrom, undefined, `${sample} as ${kind} said to be ${declared}`);
  }
});

Deno.test("typeOf() believes what documents are said to be where their bytes do not tell", async () => {
  const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
  assert.deepEqual(await typed("list.csv", "DOCUMENT", "text/csv; charset=utf-8"), {
    mimeType: "text/csv; charset=utf-8",
  });
  assert.deepEqual(await typed("list.csv", "DOCUMENT", undefined, "prices.CSV"), { mimeType: "text/csv" });
  assert.deepEqual(await typed("list.csv", "DOCUMENT", "application/octet-stream", "a.csv"), {
    mimeType: "text/csv",
  });
  assert.deepEqual(await typed("archive.zip", "DOCUMENT", word), { mimeType: word });
  assert.deepEqual(await typed("archive.zip", "DOCUMENT", undefined, "letter.docx"), { mimeType: word });
  assert.deepEqual(await typed("invoice.pdf", "DOCUMENT", undefined, "letter.docx"), {
    mimeType: "application/pdf",
  });
  const image = await typed("list.csv", "DOCUMENT", "image/png", "a.png");
  assert.deepEqual(image, { mimeType: "text/plain", differsFrom: "image/png" });
  assert.deepEqual(await typed("archive.zip", "DOCUMENT", "image/png"), {
    mimeType: "application/zip",
    differsFrom: "image/png",
  });
  const bytes = await typeOf(Uint8Array.of(0, 1, 2, 255), "DOCUMENT", {});
  assert.deepEqual(bytes, { mimeType: "application/octet-stream" });
});

Deno.test("isOpus() and isPlayed() know what phones record and play", () => {
  assert.equal(isOpus("audio/ogg; codecs=opus"), true);
  for (const other of ["audio/ogg", "audio/mpeg", "video/ogg; codecs=opus"]) {
    assert.equal(isOpus(other), false, other);
  }
  for (const played of ["audio/ogg; codecs=opus", "audio/mpeg", "video/mp4"]) {
    assert.equal(isPlayed(played), true, played);
  }
  for (const other of ["audio/wav", "video/webm"]) assert.equal(isPlayed(other), false, other);
});
