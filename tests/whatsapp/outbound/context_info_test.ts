import { strict as assert } from "node:assert";
import { Composing, FRIEND, GROUP, groupOf, OWN, STRANGER } from "./composing.ts";

const text = (fields: Record<string, unknown>) => ({ type: "TEXT", content: "x", ...fields });
const user = (jid: string) => jid.split("@")[0]!;

/** The `contextInfo` of the text that a body asks for. */
async function contextInfo(composing: Composing, body: Record<string, unknown>) {
  const { extendedTextMessage } = await composing.make(text(body)) as {
    extendedTextMessage: { contextInfo: unknown };
  };
  return extendedTextMessage.contextInfo;
}

Deno.test("inContext() says nothing when there is nothing to say", async () => {
  using composing = new Composing();
  assert.deepEqual(await composing.make(text({ to: FRIEND.jid })), { extendedTextMessage: { text: "x" } });
});

for (const by of ["lid", "pn"] as const) {
  Deno.test(`inContext() mentions people in a group by ${by} as the group names them, in the text too`, async () => {
    using composing = new Composing();
    composing.group = groupOf(by);
    const name = (person: typeof FRIEND) => by === "lid" ? person.lid : person.jid;
    const { extendedTextMessage } = await composing.make(text({
      to: GROUP,
      content: `@${user(FRIEND.jid)} @${user(STRANGER.lid)}, not @221770000000 nor x@${user(FRIEND.jid)}`,
      mentions: [user(FRIEND.jid), STRANGER.lid, FRIEND.lid],
    }));
    assert.deepEqual(extendedTextMessage, {
      text: `@${user(name(FRIEND))} @${user(name(STRANGER))}, not @221770000000 nor x@${user(FRIEND.jid)}`,
      contextInfo: { mentionedJid: [name(FRIEND), name(STRANGER)] },
    });
  });
}

Deno.test("inContext() takes a group of which nothing can be learnt for one by LID, and keeps names it has no other for", async () => {
  using composing = new Composing();
  assert.deepEqual(await contextInfo(composing, { to: GROUP, mentions: [FRIEND.jid, STRANGER.jid] }), {
    mentionedJid: [FRIEND.lid, STRANGER.jid],
  });
});

Deno.test("inContext() quotes a message of the chat that the worker knows, without what that quoted in turn", async () => {
  using composing = new Composing();
  const quotedMessage = { extendedTextMessage: { text: "hello" } };
  const stored = {
    extendedTextMessage: { text: "hello", contextInfo: { stanzaId: "EARLIER", mentionedJid: [OWN.jid] } },
    messageContextInfo: { messageSecret: new Uint8Array(32) },
  };
  await composing.received("THEIRS", FRIEND.jid, stored);
  await composing.sent("OURS", FRIEND.jid, stored);
  for (const to of [FRIEND.jid, FRIEND.lid]) {
    const own = to === FRIEND.lid ? OWN.lid : OWN.jid;
    assert.deepEqual(await contextInfo(composing, { to, quoted: "THEIRS" }), {
      stanzaId: "THEIRS",
      participant: to,
      quotedMessage,
    });
    assert.deepEqual(await contextInfo(composing, { to, quoted: "OURS" }), {
      stanzaId: "OURS",
      participant: own,
      quotedMessage,
    });
  }
});

Deno.test("inContext() quotes by its group's names who wrote a message there", async () => {
  using composing = new Composing();
  await composing.received("THEIRS", GROUP, { conversation: "hello" }, { participant: FRIEND.jid });
  for (const by of ["lid", "pn"] as const) {
    composing.group = groupOf(by);
    assert.deepEqual(await contextInfo(composing, { to: GROUP, quoted: "THEIRS" }), {
      stanzaId: "THEIRS",
      participant: by === "lid" ? FRIEND.lid : FRIEND.jid,
      quotedMessage: { conversation: "hello" },
    });
  }
});

Deno.test("inContext() does not quote from another chat what has the same id", async () => {
  using composing = new Composing();
  await composing.received("SAME", STRANGER.jid, { conversation: "a secret" });
  assert.deepEqual(await contextInfo(composing, { to: FRIEND.jid, quoted: "SAME" }), {
    stanzaId: "SAME",
    participant: FRIEND.jid,
    quotedMessage: { conversation: "" },
  });
});

Deno.test("inContext() quotes a message that the worker does not know by what it is told of it", async () => {
  using composing = new Composing();
  composing.group = groupOf("lid");
  const messageId = "GONE";
  const quoted = { stanzaId: messageId, quotedMessage: { conversation: "" } };
  const cases: [Record<string, unknown>, unknown][] = [
    [{ to: FRIEND.jid, quoted: messageId }, { ...quoted, participant: FRIEND.jid }],
    [{ to: FRIEND.jid, quoted: { messageId, fromMe: true } }, { ...quoted, participant: OWN.jid }],
    [{ to: GROUP, quoted: messageId }, quoted],
    [{ to: GROUP, quoted: { messageId, participant: FRIEND.jid } }, { ...quoted, participant: FRIEND.lid }],
    [{ to: GROUP, quoted: { messageId, fromMe: true } }, { ...quoted, participant: OWN.lid }],
    [
      { to: FRIEND.jid, quoted: { messageId, body: "as it was" } },
      { ...quoted, participant: FRIEND.jid, quotedMessage: { conversation: "as it was" } },
    ],
  ];
  for (const [body, expected] of cases) assert.deepEqual(await contextInfo(composing, body), expected);
});

Deno.test("inContext() quotes nothing that can be opened of what may be seen once", async () => {
  using composing = new Composing();
  const imageMessage = { url: "https://example.com/x", mediaKey: new Uint8Array(32), caption: "for you" };
  await composing.received("ONE", FRIEND.jid, { viewOnceMessageV2: { message: { imageMessage } } });
  await composing.received("TWO", FRIEND.jid, { imageMessage: { ...imageMessage, viewOnce: true } });
  for (const id of ["ONE", "TWO"]) {
    assert.deepEqual(await contextInfo(composing, { to: FRIEND.jid, quoted: id }), {
      stanzaId: id,
      participant: FRIEND.jid,
      quotedMessage: { imageMessage: { viewOnce: true } },
    });
  }
});
