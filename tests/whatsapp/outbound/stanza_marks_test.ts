import { strict as assert } from "node:assert";
import { proto } from "@whiskeysockets/baileys";
import { stanzaMarks } from "../../../src/whatsapp/outbound/stanza_marks.ts";

const { MESSAGE_EDIT, REVOKE, EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type;

Deno.test("stanzaMarks() says what is done to another message", () => {
  const cases: [proto.IMessage, string | undefined][] = [
    [{ protocolMessage: { type: MESSAGE_EDIT, key: { fromMe: true } } }, "1"],
    [{ editedMessage: { message: { protocolMessage: { type: MESSAGE_EDIT } } } }, "1"],
    [{ protocolMessage: { type: REVOKE, key: { fromMe: true } } }, "7"],
    [{ protocolMessage: { type: REVOKE, key: { fromMe: false } } }, "8"],
    [{ reactionMessage: { text: "" } }, "7"],
    [{ reactionMessage: { text: "👍" } }, undefined],
    [{ protocolMessage: { type: EPHEMERAL_SETTING } }, undefined],
    [{ extendedTextMessage: { text: "x" } }, undefined],
  ];
  for (const [message, edit] of cases) {
    for (
      const each of [
        message,
        proto.Message.decode(proto.Message.encode(proto.Message.fromObject(message)).finish()),
      ]
    ) {
      assert.deepEqual(stanzaMarks(each), edit === undefined ? {} : { additionalAttributes: { edit } });
    }
  }
});

Deno.test("stanzaMarks() says that a poll is one", () => {
  for (const kind of ["pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3"]) {
    assert.deepEqual(stanzaMarks({ [kind]: { name: "x" } }), {
      additionalNodes: [{ tag: "meta", attrs: { polltype: "creation" } }],
    });
  }
});
