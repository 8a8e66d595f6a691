/** Small media of every type that is sent and received, real enough for whoever looks into them. */

import { Buffer } from "node:buffer";

const base64 = (text: string): Uint8Array => Buffer.from(text, "base64");
const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
const concat = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

function uint32(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
}

/** A box of an MP4 file. */
function box(type: string, ...content: Uint8Array[]): Uint8Array {
  const body = concat(...content);
  return concat(uint32(8 + body.length), ascii(type), body);
}

/** A track of a picture in an MP4 file, shown through a matrix that begins with `a` and `b`. */
function track(width: number, height: number, [a, b]: readonly [number, number]): Uint8Array {
  const [w, h] = [width * 0x10000, height * 0x10000] as const;
  const header = uint32(7, 0, 0, 1, 0, 3000, 0, 0, 0, 0, a, b, 0, 0, 0, 0, 0, 0, 0x40000000, w, h);
  return box("trak", box("tkhd", header), box("mdia", new Uint8Array(8)));
}

const UPRIGHT = [0x10000, 0] as const;
const TURNED = [0, 0x10000] as const;

/** An MP4 file of 3 s with `bytes` of nothing to be seen on 16 × 9 pixels, or nothing to be heard. */
export function mp4Of(
  bytes: number,
  { brand = "isom", isTurned = false, isSound = false, moovLast = false } = {},
): Uint8Array {
  const movieHeader = box(
    "mvhd",
    uint32(0, 0, 0, 1000, 3000, 0x00010000, 0x01000000, 0, 0),
    uint32(0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000),
    uint32(0, 0, 0, 0, 0, 0, 2),
  );
  const sound = track(0, 0, UPRIGHT);
  const tracks = isSound ? [sound] : [sound, track(16, 9, isTurned ? TURNED : UPRIGHT)];
  const moov = box("moov", movieHeader, ...tracks);
  const mdat = box("mdat", new Uint8Array(bytes));
  return concat(
    box("ftyp", ascii(brand), uint32(512), ascii(`${brand}mp41`)),
    ...(moovLast ? [mdat, moov] : [moov, mdat]),
  );
}

/** An MP3 file of so many silent frames, 26 ms each. */
export function mp3Of(frames: number): Uint8Array {
  const frame = new Uint8Array(417);
  frame.set([0xff, 0xfb, 0x90, 0x00]);
  return Buffer.concat(Array.from({ length: frames }, () => frame));
}

function oggChecksum(page: Uint8Array): number {
  let checksum = 0;
  for (const byte of page) {
    checksum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) {
      checksum = checksum & 0x80000000 ? (checksum << 1) ^ 0x04c11db7 : checksum << 1;
    }
  }
  return checksum >>> 0;
}

function oggPage(number: number, flags: number, samples: number, content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(28);
  head.write("OggS");
  head.writeUInt8(flags, 5);
  head.writeBigInt64LE(BigInt(samples), 6);
  head.writeUInt32LE(1, 14);
  head.writeUInt32LE(number, 18);
  head.writeUInt8(1, 26);
  head.writeUInt8(content.length, 27);
  const page = Buffer.concat([head, content]);
  page.writeUInt32LE(oggChecksum(page), 22);
  return page;
}

/** A voice note of 2 s, in Opus within Ogg. */
function opus(): Uint8Array {
  const head = Buffer.alloc(19);
  head.write("OpusHead");
  head.writeUInt8(1, 8);
  head.writeUInt8(1, 9);
  head.writeUInt32LE(48_000, 12);
  const tags = Buffer.alloc(20);
  tags.write("OpusTags");
  tags.writeUInt32LE(4, 8);
  tags.write("test", 12);
  return concat(
    oggPage(0, 2, 0, head),
    oggPage(1, 0, 0, tags),
    oggPage(2, 4, 96_000, Uint8Array.of(0xf8, 0xff, 0xfe)),
  );
}

/** 8 × 6 pixels. */
const JPEG = base64(
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+" +
    "gXwBFRcXHhoeOyEhO3xTRlN8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fP/AABEIAAYACAMBEQACEQEDEQH/" +
    "xAGiAAABBQEBAQEBAQAAAAAAAAAAAQIDBAUGBwgJCgsQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJ" +
    "ChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrC" +
    "w8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+gEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoLEQACAQIEBAMEBwUEBAABAncAAQID" +
    "EQQFITEGEkFRB2FxEyIygQgUQpGhscEJIzNS8BVictEKFiQ04SXxFxgZGiYnKCkqNTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqC" +
    "g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2dri4+Tl5ufo6ery8/T19vf4+fr/2gAMAwEAAhEDEQA/AFEA" +
    "rOeYzLjgYn//2Q==",
);

/** A WebP picture of one pixel, with the header that says whether it moves. */
function webp(flags: number): Uint8Array {
  const picture = base64("VlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA=");
  const extended = concat(ascii("VP8X"), Uint8Array.of(10, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  const body = concat(ascii("WEBP"), flags === 0 ? new Uint8Array() : extended, picture);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length);
  return concat(ascii("RIFF"), size, body);
}

/** A medium of each type, by the name of its file. */
export const SAMPLES = {
  "photo.jpg": JPEG,
  /** 1 × 1 pixel. */
  "dot.png": base64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  ),
  "dot.gif": base64("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
  "sticker.webp": webp(0),
  "moving.webp": webp(2),
  "clip.mp4": mp4Of(100),
  "song.m4a": mp4Of(100, { brand: "M4A ", isSound: true }),
  "song.mp3": mp3Of(100),
  "voice.ogg": opus(),
  "invoice.pdf": ascii("%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"),
  "list.csv": ascii("name,price\nrice,500\n"),
  "archive.zip": base64("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="),
} as const satisfies Record<string, Uint8Array>;
