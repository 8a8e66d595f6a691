import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { unavailableIn } from "../../../src/whatsapp/inbound/unavailable.ts";
import { element } from "../../stand_in/nodes.ts";

const OWN = { jid: "221771234567:3@s.whatsapp.net", lid: "111@lid" };
const FROM = "221779999999@s.whatsapp.net";

function idOf(content: { tag: string; type?: string }[], attrs: Record<string, string> = {}) {
  const children = content.map(({ tag, type }) =>
    element(tag, type === undefined ? {} : { type }, Buffer.alloc(1))
  );
  const stanza = element(
    "message",
    { id: "3A", t: "1733396400", from: FROM, type: "text", ...attrs },
    children,
  );
  return unavailableIn(stanza, OWN)?.key.id;
}

Deno.test("unavailableIn() finds what the phone is asked for", () => {
  assert.equal(idOf([{ tag: "unavailable" }]), "3A");
  assert.equal(idOf([{ tag: "unavailable", type: "fanout" }]), "3A");
  assert.equal(idOf([]), "3A");
});

Deno.test("unavailableIn() leaves what has its content, and what no phone hands on", () => {
  assert.equal(idOf([{ tag: "enc" }]), undefined);
  assert.equal(idOf([{ tag: "enc" }, { tag: "unavailable" }]), undefined);
  for (const type of ["view_once", "view_once_unavailable_fanout", "bot_unavailable_fanout"]) {
    assert.equal(idOf([{ tag: "unavailable", type }]), undefined, type);
  }
  assert.equal(idOf([], { category: "peer" }), undefined);
  assert.equal(idOf([], { from: "120363000000000009@newsletter" }), undefined);
  assert.equal(idOf([], { from: "nobody" }), undefined);
  assert.equal(idOf([], { t: "" }), undefined);
});
