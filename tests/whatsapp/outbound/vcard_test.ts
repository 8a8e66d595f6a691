import { strict as assert } from "node:assert";
import fc from "fast-check";
import { vcard } from "../../../src/whatsapp/outbound/vcard.ts";

const encoder = new TextEncoder();

Deno.test("vcard() writes name, numbers, organization and address of a card", () => {
  assert.equal(
    vcard({
      name: "Awa Diop",
      phoneNumbers: ["221771111111", "33612345678"],
      organization: "Diop & Sons",
      email: "awa@example.com",
    }),
    [
      "BEGIN:VCARD",
      "VERSION:3.0",
      "N:;Awa Diop;;;",
      "FN:Awa Diop",
      "ORG:Diop & Sons",
      "TEL;type=CELL;waid=221771111111:+221771111111",
      "TEL;type=CELL;waid=33612345678:+33612345678",
      "EMAIL;type=INTERNET:awa@example.com",
      "END:VCARD",
    ].join("\n"),
  );
});

Deno.test("vcard() escapes what would end a field", () => {
  const lines = vcard({ name: "a;b,c\\d", phoneNumbers: ["2217711111"] }).split("\n");
  assert.equal(lines[2], "N:;a\\;b\\,c\\\\d;;;");
  assert.equal(lines[3], "FN:a\\;b\\,c\\\\d");
});

Deno.test("vcard() folds lines of more than 75 bytes, and none of it is lost or torn apart", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), (name) => {
    fc.pre(!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name));
    const lines = vcard({ name, phoneNumbers: ["2217711111"] }).split("\n");
    for (const line of lines) {
      assert.ok(encoder.encode(line).length <= 75, line);
      assert.ok(!line.includes("\ufffd") || name.includes("\ufffd"));
    }
    const whole = lines.join("\n").replaceAll("\n ", "").split("\n");
    assert.equal(whole.find((line) => line.startsWith("FN:"))!.slice(3).replace(/\\([\\,;])/g, "$1"), name);
  }));
});
