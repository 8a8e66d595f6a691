import assert from "node:assert/strict";
import { readNumberCommand } from "../../src/contract/mod.ts";

const MANY = 1_000_000;
/** Far more than any of them takes, and far less than a pattern that tries every way to read a text. */
const PATIENCE_MS = 5_000;

const SLOW: Readonly<Record<string, Record<string, unknown>>> = {
  "base64 of blanks": { type: "IMAGE", mediaBase64: `${" ".repeat(MANY)}!` },
  "base64 of padding": { type: "IMAGE", mediaBase64: `=${" ".repeat(MANY)}=${" ".repeat(MANY)}!` },
  "a thumbnail of blanks": { type: "IMAGE", mediaUrl: "x", thumbnail: `${"\n".repeat(MANY)}.` },
  "a MIME type with many parameters": {
    type: "IMAGE",
    mediaUrl: "x",
    mimeType: `a/b${";a=b".repeat(MANY / 4)}`,
  },
  "a MIME type with many blanks": { type: "IMAGE", mediaUrl: "x", mimeType: `a/b${" ".repeat(MANY)}!` },
  "a URL behind blanks": { type: "IMAGE", mediaUrl: `${" ".repeat(MANY)}javascript:` },
  "an emoji of many letters": { type: "REACTION", target: "3A01", content: "x".repeat(MANY) },
  "a name of blanks": {
    type: "CONTACT",
    contacts: [{ name: " ".repeat(MANY), phoneNumber: "221771234567" }],
  },
  "a recipient with blanks": { type: "TEXT", content: "x", to: `1${" ".repeat(MANY)}x` },
};

for (const [what, fields] of Object.entries(SLOW)) {
  Deno.test(`readNumberCommand() refuses ${what} at once`, () => {
    const startedAt = performance.now();
    const { ok } = readNumberCommand({ messageId: 1, numberId: 6, to: "221779999999", ...fields });
    assert.equal(ok, false);
    assert(performance.now() - startedAt < PATIENCE_MS);
  });
}
