/** Every kind of medium as a backend may publish it, from every kind of source. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import type { MediaType } from "@whiskeysockets/baileys";
import { SAMPLES } from "../media_samples.ts";
import type { MediaHost } from "../stand_in/media_host.ts";
import type { Example, Sent } from "./examples.ts";

/** Where files are in examples, for whoever may read them; the matrix puts in a host that it has there. */
export const FILES = "https://files.example.com";

type Sample = keyof typeof SAMPLES;

const base64 = (sample: Sample) => Buffer.from(SAMPLES[sample]).toString("base64");

/** @param quoted the id of a message that an example may answer, and what such an answer holds */
export function mediaExamples(
  quoted: { id: string; contextInfo: (sent: Sent) => unknown },
): readonly Example[] {
  return [
    {
      name: "IMAGE",
      type: "IMAGE",
      body: { type: "IMAGE", mediaUrl: `${FILES}/photo.jpg`, content: "Our shop" },
      expect: (message, sent) =>
        assertMedium(sent, "image", "photo.jpg", message.imageMessage, {
          mimetype: "image/jpeg",
          caption: "Our shop",
          width: 8,
          height: 6,
        }),
    },
    {
      name: "IMAGE from a data: URL, with a thumbnail, that answers a message",
      type: "IMAGE",
      body: {
        type: "IMAGE",
        mediaUrl: `data:image/png;base64,${base64("dot.png")}`,
        thumbnail: base64("photo.jpg"),
        quoted: quoted.id,
      },
      expect: (message, sent) =>
        assertMedium(sent, "image", "dot.png", message.imageMessage, {
          mimetype: "image/png",
          width: 1,
          height: 1,
          jpegThumbnail: base64("photo.jpg"),
          contextInfo: quoted.contextInfo(sent),
        }),
    },
    {
      name: "VIDEO",
      type: "VIDEO",
      body: { type: "VIDEO", mediaUrl: `${FILES}/clip.mp4`, content: "How it works" },
      expect: (message, sent) =>
        assertMedium(sent, "video", "clip.mp4", message.videoMessage, {
          mimetype: "video/mp4",
          caption: "How it works",
          seconds: 3,
          width: 16,
          height: 9,
        }),
    },
    {
      name: "VIDEO that plays as a GIF",
      type: "VIDEO",
      body: { type: "VIDEO", mediaUrl: `${FILES}/clip.mp4`, gif: true },
      expect: (message, sent) =>
        assertMedium(sent, "video", "clip.mp4", message.videoMessage, {
          mimetype: "video/mp4",
          gifPlayback: true,
          seconds: 3,
          width: 16,
          height: 9,
        }),
    },
    {
      name: "AUDIO",
      type: "AUDIO",
      body: { type: "AUDIO", mediaUrl: `${FILES}/song.mp3` },
      expect: (message, sent) =>
        assertMedium(sent, "audio", "song.mp3", message.audioMessage, {
          mimetype: "audio/mpeg",
          ptt: false,
          seconds: 3,
        }),
    },
    {
      name: "AUDIO that is a voice note",
      type: "AUDIO",
      body: { type: "AUDIO", mediaBase64: base64("voice.ogg"), ptt: true, quoted: quoted.id },
      expect: (message, sent) =>
        assertMedium(sent, "audio", "voice.ogg", message.audioMessage, {
          mimetype: "audio/ogg; codecs=opus",
          ptt: true,
          seconds: 2,
          contextInfo: quoted.contextInfo(sent),
        }),
    },
    {
      name: "DOCUMENT from the backend's API, with its name in content",
      type: "DOCUMENT",
      body: { type: "DOCUMENT", mediaUrl: "files/invoice.pdf", content: "Invoice 42.pdf" },
      expect: (message, sent) =>
        assertMedium(sent, "document", "invoice.pdf", message.documentMessage, {
          mimetype: "application/pdf",
          fileName: "Invoice 42.pdf",
          title: "Invoice 42.pdf",
        }),
    },
    {
      name: "DOCUMENT with a name, a MIME type and a caption",
      type: "DOCUMENT",
      body: {
        type: "DOCUMENT",
        mediaBase64: base64("list.csv"),
        mimeType: "text/csv",
        fileName: "prices.csv",
        content: "This week's prices",
      },
      expect: (message, sent) =>
        assertMedium(sent, "document", "list.csv", message.documentMessage, {
          mimetype: "text/csv",
          fileName: "prices.csv",
          title: "prices.csv",
          caption: "This week's prices",
        }),
    },
    {
      name: "STICKER",
      type: "STICKER",
      body: { type: "STICKER", mediaUrl: `${FILES}/sticker.webp` },
      expect: (message, sent) =>
        assertMedium(sent, "sticker", "sticker.webp", message.stickerMessage, {
          mimetype: "image/webp",
          width: 1,
          height: 1,
          isAnimated: false,
        }),
    },
  ];
}

/** Fails unless a message's medium, as its recipient decrypts it, is the sample, and what else it says of it is this. */
async function assertMedium(
  { media }: Sent,
  type: MediaType,
  sample: Sample,
  content: object | null | undefined,
  expected: Record<string, unknown>,
): Promise<void> {
  const bytes = await media.open(content as Parameters<MediaHost["open"]>[0], type);
  assert.deepEqual(new Uint8Array(bytes), new Uint8Array(SAMPLES[sample]));
  const { mediaKey: _1, fileSha256: _2, fileEncSha256: _3, ...more } = JSON.parse(JSON.stringify(content));
  const { url, directPath, mediaKeyTimestamp, fileLength, stickerSentTs, ...said } = more;
  assert.equal(url, `https://mmg.whatsapp.net${directPath}`);
  assert.equal(fileLength, String(SAMPLES[sample].length));
  for (const timeMs of [mediaKeyTimestamp * 1000, ...(type === "sticker" ? [Number(stickerSentTs)] : [])]) {
    assert.ok(Math.abs(timeMs - Date.now()) < 60_000, `made at ${timeMs}`);
  }
  assert.deepEqual(said, expected);
}
