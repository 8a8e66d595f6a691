import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { startFileHost } from "../../../file_host.ts";
import { SAMPLES } from "../../../media_samples.ts";
import { AddressGuard } from "../../../../src/whatsapp/media/outgoing/address_guard.ts";
import { decodeBase64 } from "../../../../src/whatsapp/media/outgoing/base64.ts";
import { readDataUrl } from "../../../../src/whatsapp/media/outgoing/data_url.ts";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";
import { type MediaOrigin, MediaSources } from "../../../../src/whatsapp/media/outgoing/source.ts";

const { signal } = new AbortController();

const decoded = (text: string) => Buffer.concat([...decodeBase64(text, "mediaBase64")]);
const ofDataUrl = (url: string) => {
  const { mimeType, body } = readDataUrl(url);
  return [mimeType, Buffer.concat([...body]).toString("latin1")];
};

function sources(
  backendUrl = "http://127.0.0.1:1/api",
  backendKey = "key",
  maxBytes = 100_000,
): MediaSources {
  return new MediaSources({
    guard: new AddressGuard([]),
    backendUrl,
    backendKey,
    maxBytes,
    timeoutMs: 60_000,
  });
}

async function read(from: MediaSources, origin: MediaOrigin) {
  using source = await from.open(origin, signal);
  const bytes = Buffer.concat(await Array.fromAsync(source.body));
  return { bytes, declaredMimeType: source.declaredMimeType, fileName: source.fileName };
}

async function refusal(from: MediaSources, origin: MediaOrigin): Promise<string> {
  try {
    await read(from, origin);
  } catch (error) {
    if (error instanceof MediaFailure) return error.code;
    throw error;
  }
  throw new Error("It could be read");
}

Deno.test("decodeBase64() gives the bytes back whatever their number, however they are written", () => {
  for (const length of [0, 1, 2, 3, 100, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_000]) {
    const bytes = randomBytes(length);
    const text = bytes.toString("base64");
    const written = [
      text,
      text.replace(/=+$/, ""),
      bytes.toString("base64url"),
      text.replace(/.{76}/g, "$&\r\n"),
      ` ${text.replace(/.{1001}/g, "$& ")}\n`,
    ];
    for (const way of written) assert.ok(decoded(way).equals(bytes), `${length} bytes`);
  }
});

Deno.test("decodeBase64() refuses what is cut off or is none", () => {
  for (const text of ["A", "AAAAA", "AA==AA", "A===", "AA$A", "data:image/png;base64,AAAA", "AAAÄ"]) {
    assert.throws(() => decoded(text), ({ code }: MediaFailure) => code === "media_invalid", text);
  }
});

Deno.test("readDataUrl() reads type and bytes as they may be written", () => {
  const long = "ä%20".repeat(40_000);
  const read: Readonly<Record<string, readonly [string | undefined, string]>> = {
    "data:image/png;base64,aGVsbG8=": ["image/png", "hello"],
    "DATA:text/plain;charset=utf-8;BASE64,aGVsbG8": ["text/plain;charset=utf-8", "hello"],
    "data:;base64,aGVs%62G8%3D": [undefined, "hello"],
    "data:,a%2Cb%00%ff": [undefined, "a,b\0\xff"],
    "data:text/csv,100%,5%zz": ["text/csv", "100%,5%zz"],
    "data:text/plain,": ["text/plain", ""],
    [`data:text/plain,${long}`]: ["text/plain", Buffer.from("ä ".repeat(40_000)).toString("latin1")],
  };
  for (const [url, expected] of Object.entries(read)) {
    assert.deepEqual(ofDataUrl(url), expected, url.slice(0, 60));
  }
  assert.throws(() => ofDataUrl("data:image/png;base64"), MediaFailure);
});

Deno.test("MediaSources reads what is relative from the backend, and names the file by its path", async () => {
  await using host = await startFileHost();
  host.files.set("Facture é.pdf", SAMPLES["invoice.pdf"]);
  host.files.set("Facture%20%C3%A9.pdf", SAMPLES["invoice.pdf"]);
  for (const base of [`${host.url}/api`, `${host.url}/api/`]) {
    const { bytes, fileName } = await read(sources(base), { mediaUrl: " files/Facture%20%C3%A9.pdf?x=/y " });
    assert.ok(bytes.equals(Buffer.from(SAMPLES["invoice.pdf"])));
    assert.equal(fileName, "Facture é.pdf");
  }
  await read(sources(`${host.url}/api`), { mediaUrl: "../photo.jpg" });
  await read(sources(`${host.url}/api`, ""), { mediaUrl: "/photo.jpg" });
  assert.deepEqual(
    host.requests.map(({ path, headers }) => [path, headers.authorization]),
    [
      ["/api/files/Facture%20%C3%A9.pdf?x=/y", "Bearer key"],
      ["/api/files/Facture%20%C3%A9.pdf?x=/y", "Bearer key"],
      ["/photo.jpg", "Bearer key"],
      ["/photo.jpg", undefined],
    ],
  );
});

Deno.test("MediaSources takes nothing for relative that could lead elsewhere", async () => {
  await using host = await startFileHost();
  await using other = await startFileHost();
  const from = sources(`${host.url}/api`);
  const ways = [
    `//${other.host}/photo.jpg`,
    `\\\\${other.host}/photo.jpg`,
    `/\\${other.host}/photo.jpg`,
    `\t//${other.host}/photo.jpg`,
    `/\t/${other.host}/photo.jpg`,
    `/\n/${other.host}/photo.jpg`,
    `ht\ttp://${other.host}/photo.jpg`,
    `http:${other.host}/photo.jpg`,
    `http:/\\${other.host}/photo.jpg`,
    `https:${other.host}/photo.jpg`,
    "file:///etc/passwd",
    "javascript:alert(1)",
    "\0//x",
    "a\\b",
    `http://${other.host}/photo.jpg`,
    `http://127.0.0.1:1@${other.host}/photo.jpg`,
    `http:\\\\${other.host}\\photo.jpg`,
  ];
  for (const mediaUrl of ways) assert.equal(await refusal(from, { mediaUrl }), "media_url_refused", mediaUrl);
  assert.deepEqual([...host.requests, ...other.requests], []);
});

Deno.test("MediaSources takes no more than the limit, wherever it comes from", async () => {
  const from = sources(undefined, undefined, 1000);
  for (const bytes of [1000, 1001]) {
    const text = Buffer.alloc(bytes).toString("base64");
    for (
      const origin of [
        { mediaUrl: null, mediaBase64: text },
        { mediaUrl: `data:;base64,${text}` },
        { mediaUrl: `data:,${"x".repeat(bytes)}` },
      ]
    ) {
      if (bytes > 1000) assert.equal(await refusal(from, origin), "media_too_large");
      else assert.equal((await read(from, origin)).bytes.length, 1000);
    }
  }
});
