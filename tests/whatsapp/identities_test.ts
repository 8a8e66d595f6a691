import { strict as assert } from "node:assert";
import type { SignalDataTypeMap, WAMessage, WAMessageKey } from "@whiskeysockets/baileys";
import { Identities, person } from "../../src/whatsapp/identities.ts";

const CONTACT = "221779999999@s.whatsapp.net";
const LID = "123456789012345@lid";
const GROUP = "120363000000000001@g.us";

/** Identities over mappings as Baileys writes them. */
function identities(mapping: Record<string, string> = {}): Identities {
  return new Identities({
    get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      assert.equal(type, "lid-mapping");
      const found = ids.filter((id) => id in mapping).map((id) => [id, mapping[id]]);
      return Object.fromEntries(found) as { [id: string]: SignalDataTypeMap[T] };
    },
  });
}

const KNOWN = { "221779999999": "123456789012345", "123456789012345_reverse": "221779999999" };

Deno.test("person() puts the phone number first and no LID where a number belongs", () => {
  const both = {
    address: "221779999999@c.us",
    phoneNumber: "+221779999999",
    lid: LID,
    names: [CONTACT, LID],
  };
  assert.deepEqual(person(CONTACT, LID), both);
  assert.deepEqual(person("123456789012345:2@lid", "221779999999:2@s.whatsapp.net"), both);
  assert.deepEqual(person(LID, undefined), { address: LID, phoneNumber: null, lid: LID, names: [LID] });
  assert.deepEqual(person(GROUP), { address: GROUP, phoneNumber: null, lid: null, names: [GROUP] });
});

Deno.test("Identities.aliasOf() gives the other JID of a person, and none of what is no person", async () => {
  const known = identities(KNOWN);
  assert.equal(await known.aliasOf(LID), CONTACT);
  assert.equal(await known.aliasOf("123456789012345:7@lid"), CONTACT);
  assert.equal(await known.aliasOf(CONTACT), LID);
  assert.equal(await known.aliasOf("221779999999@c.us"), LID);
  // Digits of a LID are no number, nor those of a number a LID.
  for (
    const jid of [
      "123456789012345@s.whatsapp.net",
      "221779999999@lid",
      "221779999999@g.us",
      "status@broadcast",
    ]
  ) {
    assert.equal(await known.aliasOf(jid), null, jid);
  }
});

Deno.test("Identities.isSame() knows a person by either name, on any device", async () => {
  const known = identities(KNOWN);
  assert.equal(await known.isSame(CONTACT, "123456789012345:3@lid"), true);
  assert.equal(await known.isSame("123456789012345:3@lid", "221779999999:1@s.whatsapp.net"), true);
  assert.equal(await known.isSame(GROUP, GROUP), true);
  assert.equal(await known.isSame(CONTACT, "123456789012346@lid"), false);
  assert.equal(await identities().isSame(CONTACT, LID), false);
});

Deno.test("Identities.complete() adds the other names of all who are in a message, and changes none", async () => {
  const after = async (key: WAMessageKey) => {
    const message = { key: { ...key } } as WAMessage;
    await identities(KNOWN).complete(message);
    return message.key;
  };
  assert.deepEqual(await after({ remoteJid: LID }), { remoteJid: LID, remoteJidAlt: CONTACT });
  assert.deepEqual(await after({ remoteJid: CONTACT }), { remoteJid: CONTACT, remoteJidAlt: LID });
  assert.deepEqual(await after({ remoteJid: "1@lid" }), { remoteJid: "1@lid" });
  const told = { remoteJid: LID, remoteJidAlt: "221770000000@s.whatsapp.net" };
  assert.deepEqual(await after(told), told);
  assert.deepEqual(await after({ remoteJid: GROUP, participant: LID }), {
    remoteJid: GROUP,
    participant: LID,
    participantAlt: CONTACT,
  });
});

Deno.test("Identities.addressesOf() names people by phone number where it is known, and in their order", async () => {
  const jids = ["1@lid", "123456789012345:4@lid", "221770000000:2@s.whatsapp.net", GROUP, LID];
  assert.deepEqual(await identities(KNOWN).addressesOf(jids), [
    "1@lid",
    "221779999999@c.us",
    "221770000000@c.us",
    GROUP,
    "221779999999@c.us",
  ]);
});

Deno.test("Identities.otherAddress() names a device's Signal address by the other name, and its key for a group", async () => {
  const known = identities(KNOWN);
  for (
    const [number, lid] of [
      ["221779999999.0", "123456789012345_1.0"],
      ["221779999999.12", "123456789012345_1.12"],
      [`${GROUP}::221779999999::3`, `${GROUP}::123456789012345_1::3`],
    ] as const
  ) {
    assert.equal(await known.otherAddress(number), lid);
    assert.equal(await known.otherAddress(lid), number);
  }
  for (const address of ["221770000000.0", "123456789012345.0", "221779999999_128.99", "nobody"]) {
    assert.equal(await known.otherAddress(address), undefined, address);
  }
});

Deno.test("Identities.replacing() takes back what the latest mapping contradicts, and nothing else", async () => {
  const known = identities(KNOWN);
  const moved = { "221778888888": "123456789012345", "123456789012345_reverse": "221778888888" };
  assert.deepEqual(await known.replacing(moved), { ...moved, "221779999999": null });
  const recycled = { "221779999999": "199999999999999", "199999999999999_reverse": "221779999999" };
  assert.deepEqual(await known.replacing(recycled), { ...recycled, "123456789012345_reverse": null });
  assert.deepEqual(await known.replacing(KNOWN), KNOWN);
  const other = { "221770000000": "100000000000000", "100000000000000_reverse": "221770000000" };
  assert.deepEqual(await known.replacing(other), other);
});
