import { strict as assert } from "node:assert";
import { FAILURE_CODES } from "../../../src/whatsapp/outbound/failure_codes.ts";
import { refusalOf } from "../../../src/whatsapp/outbound/refusals.ts";

const FRIEND = "221779999999@s.whatsapp.net";
const GROUP = "120363000000000001@g.us";

const said = (code: string, chat = FRIEND) => {
  const { code: word, retryable } = refusalOf(code, chat);
  return `${word} ${retryable}`;
};

Deno.test("refusalOf() has a word for what WhatsApp is known to refuse with", () => {
  assert.equal(said("404"), "not_on_whatsapp false");
  assert.equal(said("404", GROUP), "group_not_found false");
  assert.equal(said("401", GROUP), "not_in_group false");
  assert.equal(said("403", GROUP), "not_in_group false");
  assert.equal(said("421", GROUP), "stale_group true");
  assert.equal(said("420"), "rate_limited true");
  assert.equal(said("405"), "recipient_refused false");
  assert.equal(said("413"), "media_too_large false");
  assert.equal(said("429"), "rate_limited true");
  assert.equal(said("463"), "restricted_from_new_contacts true");
  assert.equal(said("475"), "new_contacts_capped true");
  assert.equal(said("479"), "malformed_stanza false");
  assert.equal(said("500"), "server_error true");
  assert.equal(said("503", GROUP), "server_error true");
});

Deno.test("refusalOf() takes trouble of the server's own for passing, and no other that there is no word for", () => {
  assert.equal(said("599"), "refused_599 true");
  assert.equal(said("499"), "refused_499 false");
  assert.equal(said("403"), "refused_403 false");
  assert.equal(said("5 0 0"), "refused_5_0_0 false");
  assert.equal(said("constructor"), "refused_constructor false");
});

Deno.test("docs/contract.md says what each code of a FAILED means", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/contract.md", import.meta.url));
  const table = text.slice(text.indexOf("| `FAILED` code"));
  const documented = table.slice(0, table.indexOf("\n\n"));
  const missing = FAILURE_CODES.filter((code) => !documented.includes(`\`${code}\``));
  assert.deepEqual(missing, []);
});
