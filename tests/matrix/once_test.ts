import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import type { MediaContent } from "../stand_in/media_host.ts";
import { assertIs, PEOPLE } from "./examples.ts";

const broker = await sharedBroker();

Deno.test("A poll whose worker was killed before WhatsApp took it is the same poll when it goes out again", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const friend = standIn.contact(PEOPLE.friend, { autoAsk: false });
  const phone = standIn.phone(LINE.phoneNumber);
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  standIn.faults.dropAcks = true;
  friend.failToRead();
  const command = await backend.send({
    messageId: 1,
    numberId: LINE.numberId,
    to: PEOPLE.friend,
    type: "POLL",
    content: "Which day?",
    options: ["Monday", "Tuesday"],
  });
  const { id } = await friend.unread();
  killed.process.kill("SIGKILL");
  await killed.process.status;
  standIn.faults.dropAcks = false;
  await stack.startWorker();
  const message = await friend.next();
  await answer(stack, command, "SENT");
  const [first] = phone.sent;
  assert.deepEqual([message.id, first?.id], [id, id]);
  assert.deepEqual(JSON.parse(JSON.stringify(message.message)), JSON.parse(JSON.stringify(first?.message)));
  assert.equal(message.message.messageContextInfo?.messageSecret?.length, 32);
  assert.deepEqual(standIn.stats.violations, []);
});

Deno.test("A text whose link has no page to show goes out without it, and its status says so", async () => {
  await using stack = await startStack({ broker });
  const friend = stack.standIn.contact(PEOPLE.friend);
  await stack.startWorker();
  await pair(stack, LINE);
  // Of the machine's own network nobody is asked.
  const content = `see ${stack.standIn.url.replace("ws:", "http:")}`;
  const command = await stack.backend.send({
    messageId: 1,
    numberId: LINE.numberId,
    to: PEOPLE.friend,
    type: "TEXT",
    content,
    linkPreview: true,
  });
  const { body } = await answer(stack, command, "SENT");
  assert.deepEqual(body.warnings, ["link_preview_unavailable"]);
  const { message } = await friend.next();
  assertIs(message, { extendedTextMessage: { text: content } });
  assertNoErrorsLogged(stack);
});

Deno.test("A medium that is forwarded is not brought to WhatsApp again, whoever sent it first", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const friend = standIn.contact(PEOPLE.friend);
  const other = standIn.contact(PEOPLE.other);
  await stack.startWorker();
  await pair(stack, LINE);
  const { numberId } = LINE;
  const picture = SAMPLES["photo.jpg"];
  const send = async (messageId: number, body: Record<string, unknown>) => {
    const { body: status } = await answer(
      stack,
      await backend.send({ messageId, numberId, ...body }),
      "SENT",
    );
    return String(status.whatsappMessageId);
  };
  const own = await send(1, {
    to: PEOPLE.friend,
    type: "IMAGE",
    mediaBase64: Buffer.from(picture).toString("base64"),
    content: "ours",
  });
  const theirs = await friend.send(LINE.phoneNumber, {
    imageMessage: { ...await standIn.media.put(picture, "image"), mimetype: "image/jpeg", caption: "theirs" },
  });
  await backend.next(({ body }) => body.messageId === theirs, { describe: "the friend's picture" });
  const uploads = () => standIn.media.requests.filter((request) => request.startsWith("POST")).length;
  const before = uploads();
  assert.equal(before, 1);
  for (const [index, target] of [own, theirs].entries()) {
    const id = await send(10 + index, { to: other.lid, type: "FORWARD", target });
    const { message: { imageMessage } } = await other.next((message) => message.id === id);
    assert.deepEqual(
      Buffer.from(await standIn.media.open(imageMessage as Partial<MediaContent>, "image")),
      Buffer.from(picture),
    );
    assert.equal(imageMessage?.caption, index === 0 ? "ours" : "theirs");
    assert.equal(imageMessage.contextInfo?.forwardingScore, 1);
    assert.equal(imageMessage.contextInfo.isForwarded, true);
  }
  assert.equal(uploads(), before);
  assertNoErrorsLogged(stack);
});
