import assert from "node:assert";
import { readNumberCommand } from "../../src/contract/commands.ts";

const LONG = 12 * 1024 * 1024;
const HEAD = { messageId: 1, whatsappNumberId: 1, recipientNumber: "+2250701020304" };

Deno.test("readNumberCommand() takes a text as long as WhatsApp's, and not one character more", () => {
  const ofLength = (length: number) =>
    readNumberCommand({ ...HEAD, type: "TEXT", content: "x".repeat(length) });
  assert(ofLength(65_536).ok);
  const refused = ofLength(65_537);
  assert(!refused.ok);
  assert.match(refused.error, /'content' must have at most 65536 characters: current value is "x{60}…"$/);
});

Deno.test("readNumberCommand() takes no long time over what is long, whatever it is", () => {
  const base64 = "QUJD".repeat(LONG / 4);
  const blanks = " ".repeat(LONG);
  const url = { mediaUrl: "https://example.com/a" };
  const taken: Record<string, Record<string, unknown>> = {
    "a medium": { type: "IMAGE", mediaBase64: base64 },
    "a medium in lines": { type: "IMAGE", mediaBase64: `${"QUJD".repeat(19)}\r\n`.repeat(LONG / 78) },
    "a data: URL": { type: "IMAGE", mediaUrl: `data:image/png;base64,${base64}` },
  };
  const refused: Record<string, Record<string, unknown>> = {
    "base64 that ends badly": { type: "IMAGE", mediaBase64: `${base64}!` },
    "blanks for base64": { type: "IMAGE", mediaBase64: `${blanks}!` },
    "padding for base64": { type: "IMAGE", mediaBase64: `QQ${"=".repeat(LONG)}` },
    "padding and blanks for base64": { type: "IMAGE", mediaBase64: `=${blanks}=${blanks}!` },
    "a thumbnail of line breaks": { type: "IMAGE", ...url, thumbnail: `${"\n".repeat(LONG)}.` },
    "blanks for a URL": { type: "IMAGE", mediaUrl: blanks },
    "a URL behind blanks": { type: "IMAGE", mediaUrl: `${blanks}javascript:` },
    "blanks for text": { type: "TEXT", content: blanks },
    "a file's name": { type: "DOCUMENT", ...url, fileName: base64 },
    "a MIME type with blanks": { type: "IMAGE", ...url, mimeType: `a/b${blanks}!` },
    "a MIME type": { type: "IMAGE", ...url, mimeType: `a/b${";a=b".repeat(LONG / 4)}!` },
    "somebody's name": { type: "CONTACT", contact: { name: blanks, phoneNumber: "2250701020304" } },
    "a phone number": { type: "CONTACT", contact: { name: "a", phoneNumber: blanks } },
    "a recipient with blanks": { type: "TEXT", content: "a", recipientNumber: `1${blanks}x` },
    "a recipient": { type: "TEXT", content: "a", recipientNumber: "@".repeat(LONG) },
    "an emoji": { type: "REACTION", target: "3EB0", content: "👨\u200d".repeat(LONG / 3) },
    "a list of options": { type: "POLL", content: "a", options: Array(300_000).fill("a") },
    "a list of people": { type: "TEXT", content: "a", mentions: Array(300_000).fill("x") },
    "a list of messages": { type: "READ", targets: Array(300_000).fill(5) },
    "a list of cards": { type: "CONTACT", contacts: Array(50_000).fill({ name: "a" }) },
    degrees: { type: "LOCATION", latitude: "1".repeat(LONG), longitude: 1 },
    "an id": { type: "TEXT", content: "a", messageId: "1".repeat(LONG) },
    "a type": { type: base64 },
    "a link": { type: "TEXT", content: "a", linkPreview: { title: "a", url: `http://${base64}` } },
    "a time": { type: "TEXT", content: "a", expiresAt: "2024-".repeat(LONG / 5) },
  };
  for (const [name, body] of Object.entries({ ...taken, ...refused })) {
    const startMs = performance.now();
    const { ok } = readNumberCommand({ ...HEAD, ...body });
    const tookMs = performance.now() - startMs;
    assert.equal(ok, name in taken, name);
    // Some fifty at rest; what takes a text apart again and again takes minutes.
    assert(tookMs < 2000, `${name} took ${tookMs.toFixed()} ms`);
  }
});
