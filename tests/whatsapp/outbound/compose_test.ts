import { strict as assert } from "node:assert";
import { Composing, FRIEND, GROUP, groupOf, NOW_MS, OWN, STRANGER } from "./composing.ts";

const ID = "3A00000000000000AA";
const REFERENCE = { messageId: ID };

/** The key in a reaction to `target`. */
async function keyOf(composing: Composing, to: string, target: unknown) {
  const { reactionMessage } = await composing.make({ type: "REACTION", to, content: "👍", target }) as {
    reactionMessage: { key: unknown };
  };
  return reactionMessage.key;
}

Deno.test("compose() reacts to messages by the key they have in their chat", async () => {
  using composing = new Composing();
  await composing.received("THEIRS", FRIEND.jid, { conversation: "x" });
  await composing.sent("OURS", FRIEND.lid, { conversation: "x" });
  await composing.received("IN-GROUP", GROUP, { conversation: "x" }, { participant: FRIEND.jid });
  const other = { ...REFERENCE, participant: STRANGER.jid };
  for (const to of [FRIEND.jid, FRIEND.lid]) {
    assert.deepEqual(await keyOf(composing, to, "THEIRS"), { remoteJid: to, fromMe: false, id: "THEIRS" });
    assert.deepEqual(await keyOf(composing, to, "OURS"), { remoteJid: to, fromMe: true, id: "OURS" });
    const own = { ...REFERENCE, participant: OWN.lid };
    assert.deepEqual(await keyOf(composing, to, own), { remoteJid: to, fromMe: true, id: ID });
    const theirs = { ...REFERENCE, fromMe: false };
    assert.deepEqual(await keyOf(composing, to, theirs), { remoteJid: to, fromMe: false, id: ID });
  }
  for (const by of ["lid", "pn"] as const) {
    composing.group = groupOf(by);
    const name = (person: typeof FRIEND) => by === "lid" ? person.lid : person.jid;
    const key = { remoteJid: GROUP, fromMe: false };
    assert.deepEqual(await keyOf(composing, GROUP, "IN-GROUP"), {
      ...key,
      id: "IN-GROUP",
      participant: name(FRIEND),
    });
    assert.deepEqual(await keyOf(composing, GROUP, other), { ...key, id: ID, participant: name(STRANGER) });
  }
});

Deno.test("compose() refuses what is to be done with a message of which it is not known whose it is", async () => {
  using composing = new Composing();
  composing.group = groupOf("lid");
  for (const type of ["REACTION", "DELETE", "EDIT"]) {
    const body = { type, content: type === "EDIT" ? "x" : "👍" };
    const cases: [string, unknown, RegExp][] = [
      [FRIEND.jid, ID, /with messageId and fromMe/],
      [GROUP, ID, /with messageId and fromMe, in a group with the participant/],
      [GROUP, { ...REFERENCE, fromMe: false }, /with messageId and the participant/],
    ];
    for (const [to, target, remedy] of cases) {
      const { code, error, retryable } = await composing.failure({ ...body, to, target });
      assert.deepEqual([code, retryable], ["unknown_message", false]);
      assert.match(error, remedy);
    }
  }
});

Deno.test("compose() edits a caption and keeps the medium and what it answers", async () => {
  using composing = new Composing();
  const imageMessage = { url: "https://example.com/x", caption: "old", contextInfo: { stanzaId: "EARLIER" } };
  await composing.sent("PICTURE", FRIEND.jid, { imageMessage });
  assert.deepEqual(
    await composing.make({ type: "EDIT", to: FRIEND.jid, target: "PICTURE", content: "new" }),
    {
      protocolMessage: {
        key: { remoteJid: FRIEND.jid, fromMe: true, id: "PICTURE" },
        type: "MESSAGE_EDIT",
        editedMessage: { imageMessage: { ...imageMessage, caption: "new" } },
        timestampMs: String(NOW_MS),
      },
    },
  );
});

Deno.test("compose() edits a text that answers another, which it goes on doing, and mentions whom it mentions now", async () => {
  using composing = new Composing();
  const answer = { stanzaId: "EARLIER", participant: FRIEND.jid, quotedMessage: { conversation: "when?" } };
  await composing.sent("OURS", FRIEND.jid, {
    extendedTextMessage: { text: "@1 at eight", contextInfo: { ...answer, mentionedJid: ["1@lid"] } },
  });
  const edit = async (fields: Record<string, unknown>) => {
    const body = { type: "EDIT", to: FRIEND.jid, target: "OURS", content: "at nine", ...fields };
    const { protocolMessage } = await composing.make(body) as {
      protocolMessage: { editedMessage: { extendedTextMessage: { contextInfo: unknown } } };
    };
    return protocolMessage.editedMessage.extendedTextMessage.contextInfo;
  };
  assert.deepEqual(await edit({}), answer);
  assert.deepEqual(await edit({ mentions: [STRANGER.jid] }), { ...answer, mentionedJid: [STRANGER.jid] });
});

Deno.test("compose() edits neither what somebody else wrote nor what has no text", async () => {
  using composing = new Composing();
  const codeOf = async (target: unknown) =>
    (await composing.failure({ type: "EDIT", to: FRIEND.jid, content: "new", target })).code;
  await composing.received("THEIRS", FRIEND.jid, { conversation: "x" });
  assert.equal(await codeOf("THEIRS"), "not_own_message");
  assert.equal(await codeOf({ ...REFERENCE, fromMe: false }), "not_own_message");
  assert.equal(await codeOf({ ...REFERENCE, participant: FRIEND.jid }), "not_own_message");
  await composing.sent("PLACE", FRIEND.jid, { locationMessage: { degreesLatitude: 1 } });
  await composing.sent("EDITED", FRIEND.jid, { protocolMessage: { type: 14 } });
  for (const id of ["PLACE", "EDITED"]) assert.equal(await codeOf(id), "not_editable");
});

Deno.test("compose() deletes what somebody else wrote only in a group, and as its admin", async () => {
  using composing = new Composing();
  const target = { ...REFERENCE, participant: FRIEND.jid };
  const failure = (to: string) => composing.failure({ type: "DELETE", to, target });
  assert.equal((await failure(FRIEND.jid)).code, "not_own_message");
  composing.group = groupOf("lid");
  assert.equal((await failure(GROUP)).code, "not_admin");
  const expected = {
    protocolMessage: {
      key: { remoteJid: GROUP, fromMe: false, id: ID, participant: FRIEND.lid },
      type: "REVOKE",
    },
  };
  composing.group = groupOf("lid", "admin");
  assert.deepEqual(await composing.make({ type: "DELETE", to: GROUP, target }), expected);
  // Of what nobody says WhatsApp decides.
  composing.group = undefined;
  assert.deepEqual(await composing.make({ type: "DELETE", to: GROUP, target }), expected);
});

Deno.test("compose() forwards the content of a message of any chat, and nothing else of it", async () => {
  using composing = new Composing();
  const forward = (target: string) => composing.make({ type: "FORWARD", to: STRANGER.jid, target });
  const handedOn = { isForwarded: true, forwardingScore: 1 };
  const stored = { url: "https://example.com/x", directPath: "/x", mediaKey: "AAAA", caption: "look" };
  await composing.received("PICTURE", FRIEND.jid, {
    imageMessage: {
      ...stored,
      mediaKey: new Uint8Array(3),
      contextInfo: { forwardingScore: 4, isForwarded: true, stanzaId: "EARLIER" },
    },
    messageContextInfo: { messageSecret: new Uint8Array(32) },
  });
  assert.deepEqual(await forward("PICTURE"), {
    imageMessage: { ...stored, contextInfo: { isForwarded: true, forwardingScore: 5 } },
  });
  await composing.received("PASSING", GROUP, {
    ephemeralMessage: { message: { conversation: "gone tomorrow" } },
  }, { participant: FRIEND.lid });
  assert.deepEqual(await forward("PASSING"), {
    extendedTextMessage: { text: "gone tomorrow", contextInfo: handedOn },
  });
  const documentMessage = { fileName: "a.pdf", caption: "read" };
  await composing.received("PAPER", FRIEND.jid, {
    documentWithCaptionMessage: { message: { documentMessage } },
  });
  assert.deepEqual(await forward("PAPER"), {
    documentWithCaptionMessage: {
      message: { documentMessage: { ...documentMessage, contextInfo: handedOn } },
    },
  });
});

Deno.test("compose() forwards nothing that is gone, to be seen once, or nobody's to hand on", async () => {
  using composing = new Composing();
  const codeOf = async (target: string) =>
    (await composing.failure({ type: "FORWARD", to: STRANGER.jid, target })).code;
  assert.equal(await codeOf("GONE"), "unknown_message");
  const imageMessage = { url: "https://example.com/x" };
  await composing.received("ONCE", FRIEND.jid, {
    ephemeralMessage: { message: { viewOnceMessage: { message: { imageMessage } } } },
  });
  assert.equal(await codeOf("ONCE"), "view_once");
  await composing.received("LIVE", FRIEND.jid, { liveLocationMessage: { degreesLatitude: 1 } });
  await composing.received("EMPTY", FRIEND.jid, {});
  for (const id of ["LIVE", "EMPTY"]) assert.equal(await codeOf(id), "not_forwardable");
});

Deno.test("compose() has words for what nobody thought of: the backend is told that nothing went out", async () => {
  using composing = new Composing();
  // There is nobody here who could bring a medium anywhere.
  const failure = await composing.failure({
    type: "IMAGE",
    to: FRIEND.jid,
    mediaUrl: "https://example.com/x",
  });
  assert.deepEqual([failure.code, failure.retryable], ["not_sent", true]);
});
