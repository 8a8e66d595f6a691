import { strict as assert } from "node:assert";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { isMessageOfOthers, phoneSeenIn, prekeyCountIn } from "../../../src/whatsapp/vitals/vital_stanzas.ts";
import { Withheld } from "../../../src/whatsapp/session/withheld.ts";

const OWN = { jid: "221771234567:3@s.whatsapp.net", lid: "9900000001@lid" };
const NOW_MS = 1_733_396_400_500;
const NOW_S = 1_733_396_400;

const stanza = (tag: string, attrs: Record<string, string>, ...content: BinaryNode[]): BinaryNode => ({
  tag,
  attrs,
  content,
});
const element = (tag: string, attrs: Record<string, string> = {}) => stanza(tag, attrs);

/** What comes in, and when the phone did it. */
const SIGNS: [what: string, stanza: BinaryNode, atMs: number | undefined][] = [
  [
    "its own message",
    stanza("message", { from: "221771234567@s.whatsapp.net", t: String(NOW_S) }),
    NOW_S * 1000,
  ],
  ["its own message by LID", stanza("message", { from: "9900000001@lid", t: String(NOW_S) }), NOW_S * 1000],
  [
    "its receipt",
    stanza("receipt", { from: "9900000001@lid", type: "sender", t: String(NOW_S) }),
    NOW_S * 1000,
  ],
  [
    "its message to a group",
    stanza("message", { from: "12036@g.us", participant: "9900000001@lid", t: String(NOW_S) }),
    NOW_S * 1000,
  ],
  ["what waited for days", stanza("receipt", { from: "9900000001@lid", t: "1733000000" }), 1_733_000_000_000],
  ["what comes of a clock ahead", stanza("receipt", { from: "9900000001@lid", t: "1833396400" }), NOW_MS],
  ["what has no time", stanza("receipt", { from: "9900000001@lid" }), NOW_MS],
  ["its signature at pairing", stanza("iq", { type: "set" }, element("pair-success")), NOW_MS],
  [
    "another companion's message",
    stanza("message", { from: "221771234567:4@s.whatsapp.net", t: "1" }),
    undefined,
  ],
  ["another companion's receipt", stanza("receipt", { from: "9900000001:4@lid", t: "1" }), undefined],
  ["a contact's message", stanza("message", { from: "221779999999@s.whatsapp.net", t: "1" }), undefined],
  [
    "a contact's message to a group",
    stanza("message", { from: "12036@g.us", participant: "9900000002@lid", t: "1" }),
    undefined,
  ],
  ["a notification of the account", stanza("notification", { from: "9900000001@lid", t: "1" }), undefined],
  ["the server's answer", stanza("iq", { from: "s.whatsapp.net", type: "result" }), undefined],
];

for (const [what, received, atMs] of SIGNS) {
  Deno.test(`phoneSeenIn() takes ${what} for ${atMs === undefined ? "no sign" : "a sign"} of the phone`, () => {
    assert.equal(phoneSeenIn(received, OWN, NOW_MS), atMs);
  });
}

Deno.test("prekeyCountIn() reads the server's answer and its complaint, and nothing else", () => {
  const count = (value: string) => element("count", { value });
  assert.equal(prekeyCountIn(stanza("iq", { type: "result" }, count("812"))), 812);
  assert.equal(prekeyCountIn(stanza("notification", { type: "encrypt" }, count("4"))), 4);
  assert.equal(prekeyCountIn(stanza("notification", { type: "w:gp2" }, count("4"))), undefined);
  assert.equal(prekeyCountIn(stanza("iq", { type: "result" }, count("many"))), undefined);
  assert.equal(prekeyCountIn(stanza("iq", { type: "result" })), undefined);
});

Deno.test("isMessageOfOthers() passes over what the account's own devices write", () => {
  const from = (attrs: Record<string, string>) => isMessageOfOthers(stanza("message", attrs), OWN);
  assert.equal(from({ from: "221779999999@s.whatsapp.net" }), true);
  assert.equal(from({ from: "12036@g.us", participant: "9900000002@lid" }), true);
  assert.equal(from({ from: "12036@g.us", participant: "9900000001@lid" }), false);
  assert.equal(from({ from: "221771234567:4@s.whatsapp.net" }), false);
  assert.equal(isMessageOfOthers(stanza("receipt", { from: "221779999999@s.whatsapp.net" }), OWN), false);
});

Deno.test("Withheld.heard() tells once of what is older than the exchange, by the server's clock", () => {
  const withheld = new Withheld();
  const offline = (t: number) => stanza("message", { t: String(t), offline: "0" });
  assert.equal(withheld.heard(offline(1)), false, "before the login nothing is known of the server's clock");
  assert.equal(withheld.heard(stanza("success", { t: "5000" })), false);
  assert.equal(withheld.heard(offline(4_995)), false, "it may have come between the two sockets");
  assert.equal(withheld.heard(stanza("message", { t: "1000" })), false, "what is old and was not kept");
  assert.equal(withheld.heard(stanza("ib", {}, element("offline"))), false);
  assert.equal(withheld.heard(offline(4_900)), true);
  assert.equal(withheld.heard(offline(4_800)), false);
});
