import { strict as assert } from "node:assert";
import { targetOf } from "../../../src/whatsapp/inbound/targets.ts";

const OWN = ["221771234567@s.whatsapp.net", "90000000000001@lid"];
const AWA = "80000000000001@lid";
const IBOU = "80000000000002@lid";
const GROUP = "120363000000000001@g.us";
const ID = "3A01";

Deno.test("targetOf() turns the key of who wrote a message to this account's view", () => {
  const person = { remoteJid: AWA, fromMe: false };
  const group = { remoteJid: GROUP, participant: AWA, fromMe: false };
  const owner = { remoteJid: AWA, fromMe: true };
  for (
    const [by, key, fromMe, participant] of [
      [person, { fromMe: true }, false, AWA],
      [person, { fromMe: false, remoteJid: "90000000000001:3@lid" }, true, undefined],
      [owner, { fromMe: true }, true, undefined],
      [owner, { fromMe: false }, false, AWA],
      [group, { fromMe: true }, false, AWA],
      [group, { fromMe: false, participant: IBOU }, false, IBOU],
      [group, { fromMe: false, participant: "90000000000001:2@lid" }, true, undefined],
      [group, { fromMe: false, participant: OWN[0]! }, true, undefined],
      [{ ...group, participant: OWN[1]!, fromMe: true }, { fromMe: false, participant: IBOU }, false, IBOU],
    ] as const
  ) {
    const target = targetOf({ field: "edit", key: { id: ID, ...key } }, by, OWN);
    assert.deepEqual(
      target,
      { messageId: ID, fromMe, ...(fromMe ? {} : { participant }) },
      JSON.stringify(key),
    );
  }
});

Deno.test("targetOf() leaves a key as it is that Baileys has turned", () => {
  const by = { remoteJid: AWA, fromMe: false };
  const target = (fromMe: boolean) =>
    targetOf({ field: "reaction", key: { id: ID, fromMe }, turned: true }, by, OWN);
  assert.deepEqual(target(true), { messageId: ID, fromMe: true });
  assert.deepEqual(target(false), { messageId: ID, fromMe: false, participant: AWA });
});
