/** What is sent as an unchanged backend writes it: any case, aliases, nested, twice encoded, straight to the queue. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { startFileHost } from "../file_host.ts";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { assertIs, EXAMPLES, IDS, PAGE, PEOPLE, type Sent, TEXTS } from "./examples.ts";
import { FILES } from "./media_examples.ts";

const broker = await sharedBroker();

/** Ways to write one and the same command. */
const SPELLINGS: readonly ((body: Record<string, unknown>) => Record<string, unknown>)[] = [
  ({ type, ...body }) => ({ type: String(type).toLowerCase(), mediaUrl: null, ...body }),
  ({ type, numberId, recipientNumber, ...body }) => ({
    type: String(type)[0] + String(type).slice(1).toLowerCase(),
    whatsappNumberId: String(numberId),
    to: recipientNumber,
    ...body,
  }),
  (body) => ({ sessionId: 44, timestamp: 1733396400000, data: { ...body, priority: null } }),
  ({ messageId, ...body }) => ({ messageId, workerId: "worker-9", type: "NONSENSE", data: body }),
];

for (const contentType of ["text/plain", "application/json"] as const) {
  Deno.test(`Every kind of message is read in every spelling, as ${contentType}`, async (t) => {
    await using files = await startFileHost();
    files.files.set(PAGE.name, (response) => {
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(PAGE.html);
    });
    await using stack = await startStack({
      broker,
      backend: { contentType },
      environment: { BACKEND_API_URL: `${files.url}/api`, MEDIA_ALLOW_HOSTS: files.host },
    });
    const { standIn, backend } = stack;
    const friend = standIn.contact(PEOPLE.friend, { addressing: "pn" });
    const other = standIn.contact(PEOPLE.other, { addressing: "pn" });
    const phone = standIn.phone(LINE.phoneNumber, { addressing: "pn" });
    phone.addressBook.push(friend, other);
    await stack.startWorker();
    await pair(stack, LINE);
    await friend.send(LINE.phoneNumber, { conversation: TEXTS.theirs }, IDS.theirs);
    await backend.next(({ body }) => body.messageId === IDS.theirs, { describe: "the friend's message" });
    const send = async (body: Record<string, unknown>) => {
      const command = await backend.send(body);
      const { body: told } = await backend.next(({ properties }) => properties.correlationId === command, {
        describe: `an answer to ${JSON.stringify(body).slice(0, 200)}`,
      });
      assert.equal(told.status, "SENT", String(told.error));
      return String(told.whatsappMessageId);
    };
    const common = { numberId: LINE.numberId, recipientNumber: "+221 77 999 99 99" };
    const own = await send({ messageId: 0, ...common, type: "TEXT", content: TEXTS.own });
    const sent: Sent = {
      chat: friend.jid,
      isGroup: false,
      media: standIn.media,
      jids: { number: phone.jid, friend: friend.jid, other: other.jid },
      ids: { theirs: IDS.theirs, own },
      timeMs: undefined,
    };
    for (const [index, example] of EXAMPLES.entries()) {
      if (example.only === "groups") continue;
      await t.step(example.name, async () => {
        const body = JSON.parse(
          JSON.stringify(example.body).replaceAll(IDS.own, own).replaceAll(FILES, files.url),
        );
        const spelled = SPELLINGS[index % SPELLINGS.length]!({ messageId: index + 1, ...common, ...body });
        const id = await send(spelled);
        const { message } = await friend.next((message) => message.id === id);
        const { protocolMessage, reactionMessage } = message;
        const timeMs = (protocolMessage?.timestampMs ?? reactionMessage?.senderTimestampMs)?.toString();
        await example.expect(message, { ...sent, timeMs });
      });
    }
    assert.deepEqual(standIn.stats.violations, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A link in a text is only a text unless a preview is asked for, and nobody asks its page", async () => {
  await using files = await startFileHost();
  await using stack = await startStack({ broker, environment: { MEDIA_ALLOW_HOSTS: files.host } });
  const friend = stack.standIn.contact(PEOPLE.friend);
  await stack.startWorker();
  await pair(stack, LINE);
  const content = `see ${files.url}/${PAGE.name}`;
  for (const [messageId, more] of [{}, { linkPreview: false }, { linkPreview: "false" }].entries()) {
    const command = await stack.backend.send({
      messageId,
      numberId: LINE.numberId,
      to: PEOPLE.friend,
      type: "TEXT",
      content,
      ...more,
    });
    await answer(stack, command, "SENT");
    const { message } = await friend.next();
    assertIs(message, { extendedTextMessage: { text: content } });
  }
  assert.deepEqual(files.requests, []);
});

Deno.test("The same message id with another medium is another message, and with the same one the same", async () => {
  await using stack = await startStack({ broker });
  const friend = stack.standIn.contact(PEOPLE.friend);
  await stack.startWorker();
  await pair(stack, LINE);
  const send = async (status: string, more: Record<string, unknown>) => {
    const command = await stack.backend.send({
      messageId: 1,
      numberId: LINE.numberId,
      to: PEOPLE.friend,
      type: "IMAGE",
      ...more,
    });
    return String((await answer(stack, command, status)).body.whatsappMessageId);
  };
  const base64 = (name: "photo.jpg" | "dot.png") => Buffer.from(SAMPLES[name]).toString("base64");
  const first = await send("DELIVERED", { mediaBase64: base64("photo.jpg") });
  const others = [
    await send("DELIVERED", { mediaBase64: base64("dot.png") }),
    await send("DELIVERED", { mediaUrl: `data:image/png;base64,${base64("dot.png")}` }),
    await send("DELIVERED", { mediaBase64: base64("dot.png"), content: "look" }),
  ];
  assert.equal(new Set([first, ...others]).size, 4);
  assert.equal(await send("DELIVERED", { mediaBase64: base64("photo.jpg") }), first);
  assert.equal(friend.inbox.length, 4);
});
