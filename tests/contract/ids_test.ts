import assert from "node:assert/strict";
import { idText, isEchoableId, isRowId } from "../../src/contract/ids.ts";

Deno.test("isRowId() takes whole numbers of up to 64 bits in every form", () => {
  for (
    const id of [0, 6, Number.MAX_SAFE_INTEGER, 18446744073709551615n, "6", "006", "18446744073709551615"]
  ) {
    assert(isRowId(id), String(id));
  }
  const refused = [-1, 1.5, NaN, Infinity, 2 ** 53, 18446744073709551616n, -1n, "", "-1", "1.5", "6 ", "0x6"];
  for (const id of [...refused, "18446744073709551616", "9".repeat(100_000), null, undefined, true, [], {}]) {
    assert(!isRowId(id), String(id).slice(0, 30));
  }
});

Deno.test("isEchoableId() takes printable text too", () => {
  assert(isEchoableId("session_6_2533b0aa"));
  assert(isEchoableId("é".repeat(128)));
  for (const id of ["", "a\nb", "a\u202eb", "\ud800", "x".repeat(129), -1, 1.5]) assert(!isEchoableId(id));
});

Deno.test("idText() gives every form of an id one spelling", () => {
  for (const id of [6, 6n, "6", "006"]) assert.equal(idText(id), "6");
  for (const id of [7212345678901234567n, "7212345678901234567"]) {
    assert.equal(idText(id), "7212345678901234567");
  }
  assert.equal(idText("000"), "0");
  assert.equal(idText("session_6_2533b0aa"), "session_6_2533b0aa");
});
