import { strict as assert } from "node:assert";
import { proto } from "@whiskeysockets/baileys";
import { RECEIVED_TYPES, receivedFields } from "../../../src/contract/received_fields.ts";
import { contentOf, KINDS } from "../../../src/whatsapp/inbound/content.ts";
import { unreadFields } from "../../../src/whatsapp/inbound/unread_fields.ts";

/** The fields that Baileys knows, whatever its types say. */
const FIELDS = Object.entries(proto.Message.prototype)
  .filter(([, value]) => typeof value !== "function").map(([name]) => name);
const KEY = { remoteJid: "1@lid", fromMe: true, id: "3A01" };

Deno.test("KINDS has every field of a message, and none that there is not", () => {
  assert(FIELDS.length > 90, `${FIELDS.length} fields`);
  assert.deepEqual(Object.keys(KINDS).toSorted(), FIELDS.toSorted());
});

Deno.test("contentOf() tells something of every field with nothing in it, unless it is the protocol's own", () => {
  const silent = FIELDS.filter((name) => {
    // As it comes: decoded, and therefore with nothing but what it has.
    const message = proto.Message.create({ [name]: name === "conversation" ? "" : {} });
    const content = contentOf(proto.Message.decode(proto.Message.encode(message).finish()));
    if (content !== undefined) assert(RECEIVED_TYPES.includes(content.type as "TEXT"), content.type);
    return content === undefined;
  });
  const internal = Object.entries(KINDS).filter(([, kind]) => kind === "internal").map(([name]) => name);
  // Of the protocol's messages, only what takes back another or edits it, which must name it.
  assert.deepEqual(silent.toSorted(), [...internal, "protocolMessage"].toSorted());
});

Deno.test("contentOf() names what it cannot read as WhatsApp does, with the words in it", () => {
  for (
    const [message, protoName, body] of [
      [{ stickerPackMessage: { name: "Chats", caption: "mes chats" } }, "stickerPackMessage", "mes chats"],
      [
        { requestPaymentMessage: { noteMessage: { conversation: "loyer" } } },
        "requestPaymentMessage",
        "loyer",
      ],
      [{ questionResponseMessage: { text: "42" } }, "questionResponseMessage", "42"],
      [{ ephemeralMessage: { message: {} } }, "ephemeralMessage", ""],
      [{ viewOnceMessageV2: {} }, "viewOnceMessageV2", ""],
    ] as const
  ) {
    assert.deepEqual(contentOf(message as proto.IMessage), { type: "UNKNOWN", body, protoName });
  }
});

Deno.test("contentOf() says nothing of what the protocol tells devices, however it is wrapped", () => {
  const { Type } = proto.Message.ProtocolMessage;
  for (const type of Object.values(Type).filter((type) => typeof type === "number")) {
    const content = contentOf({ protocolMessage: { type, key: KEY } });
    const told = type === Type.REVOKE ? "DELETE" : type === Type.MESSAGE_EDIT ? "EDIT" : undefined;
    assert.equal(content?.type, told, Type[type]);
  }
  const limit = { protocolMessage: { type: Type.LIMIT_SHARING, key: KEY } };
  assert.equal(contentOf({ limitSharingMessage: { message: limit } }), undefined);
  assert.equal(contentOf({ senderKeyDistributionMessage: {}, messageContextInfo: {} }), undefined);
});

Deno.test("contentOf() unwraps wrappers in wrappers, as many as there are, and no endless ones", () => {
  const inner = { imageMessage: { caption: "dedans" } };
  const wrapped = { ephemeralMessage: { message: { viewOnceMessageV2: { message: inner } } } };
  const { type, body, fields } = contentOf(wrapped)!;
  assert.deepEqual([type, body], ["IMAGE", "dedans"]);
  assert.deepEqual(fields, { viewOnce: true, ephemeral: { expiresIn: null } });
  let deep: proto.IMessage = { conversation: "trop loin" };
  for (let depth = 0; depth < 20; depth++) deep = { ephemeralMessage: { message: deep } };
  assert.equal(contentOf(deep)?.protoName, "ephemeralMessage");
});

Deno.test("contentOf() reads numbers from cards as WhatsApp marks them, and else as they are written", () => {
  const vcard = [
    "BEGIN:VCARD",
    "FN:Awa\\, la voisine",
    "TEL;type=CELL;waid=221770000001:+221 77",
    "TEL;VALUE=uri:tel:+221-77-000-00-02",
    "item2.TEL:77 000",
    " 00 03",
    "NOTE:TEL is not here",
    "END:VCARD",
  ].join("\r\n");
  const { fields, body } = contentOf({ contactMessage: { vcard } })!;
  assert.equal(body, "Awa, la voisine");
  assert.deepEqual(fields, {
    contacts: [{
      name: "Awa, la voisine",
      phoneNumbers: ["+221770000001", "+221770000002", "77 00000 03"],
      vcard,
    }],
  });
});

Deno.test("contentOf() tells only fields that the contract has", () => {
  const told = new Set(
    FIELDS.flatMap((name) =>
      Object.keys(
        contentOf(proto.Message.create({ [name]: name === "conversation" ? "x" : {} }))?.fields ?? {},
      )
    ),
  );
  assert(told.size > 10);
  for (const field of told) assert(field in receivedFields, field);
});

Deno.test("unreadFields() finds what Baileys does not know, of every wire type", () => {
  const known = proto.Message.encode(proto.Message.create({ conversation: "salut" })).finish();
  const decoded = (bytes: Uint8Array) => unreadFields(bytes, proto.Message.decode(bytes));
  assert.deepEqual(decoded(known), []);
  const tag = (field: number, wireType: number) => [((field << 3) | wireType) & 127 | 128, field >> 4];
  const added = Uint8Array.of(
    ...known,
    ...tag(900, 2),
    2,
    1,
    1,
    ...tag(901, 0),
    255,
    1,
    ...tag(902, 1),
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    ...tag(903, 5),
    1,
    2,
    3,
    4,
  );
  assert.deepEqual(decoded(added), [900, 901, 902, 903]);
  assert.throws(() => unreadFields(added.slice(0, -5), {}), RangeError);
});
