/** Media that take longer than their messages are of use, or whose number is not there: one outcome, and a true one. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { startFileHost } from "../file_host.ts";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText } from "./steps.ts";

const broker = await sharedBroker();
const PHOTO = Buffer.from(SAMPLES["photo.jpg"]);

function send({ backend }: Stack, messageId: number, body: Record<string, unknown>): Promise<string> {
  return backend.send({ messageId, numberId: LINE.numberId, recipientNumber: `+${FRIEND}`, ...body });
}

function toldOf({ backend }: Stack, command: string) {
  return backend.received.filter(({ properties }) => properties.correlationId === command)
    .map(({ body }) => body.status);
}

Deno.test("A message whose medium is not there in time has expired, and is not sent when the medium comes", async () => {
  await using files = await startFileHost();
  await using stack = await startStack({ broker, environment: { BACKEND_API_URL: files.url } });
  const friend = stack.standIn.contact(FRIEND);
  const closed = Promise.withResolvers<void>();
  files.files.set("slow.jpg", (response) => {
    response.on("close", closed.resolve);
    response.writeHead(200).write(PHOTO.subarray(0, 100));
  });
  await stack.startWorker();
  await pair(stack, LINE);
  const image = { type: "IMAGE", mediaUrl: "slow.jpg" };
  const command = await send(stack, 1, { ...image, expiresAt: Date.now() + 1500 });
  const { body } = await answer(stack, command, "FAILED");
  assert.deepEqual([body.code, body.retryable], ["expired", true]);
  assert.match(String(body.error), /medium/);
  // Nobody fetches on what is of no use any more.
  await closed.promise;
  assert.equal(stack.standIn.media.requests.length, 0);

  files.files.set("slow.jpg", PHOTO);
  const again = await send(stack, 1, image);
  const { body: sent } = await answer(stack, again, "SENT");
  assert.equal((await friend.next()).id, sent.whatsappMessageId);
  assert.equal(friend.inbox.length, 1);
  assertNoErrorsLogged(stack);
});

Deno.test("A medium waits for its number as a text does, and is fetched when the number is there", async () => {
  await using files = await startFileHost();
  await using stack = await startStack({ broker, environment: { BACKEND_API_URL: files.url } });
  const friend = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  await stack.backend.command({ action: "disconnect", numberId: LINE.numberId });
  await event(stack, LINE, "closed");
  const late = await send(stack, 1, {
    type: "IMAGE",
    mediaUrl: "photo.jpg",
    expiresAt: Date.now() + 1000,
  });
  const first = await send(stack, 2, { type: "IMAGE", mediaUrl: "photo.jpg", content: "one" });
  const second = await sendText(stack, LINE, 3, "two");
  assert.equal((await answer(stack, late, "FAILED")).body.code, "expired");
  assert.equal(files.requests.length, 0);
  await stack.backend.command({ action: "reconnect", numberId: LINE.numberId });
  await answer(stack, first, "SENT");
  await answer(stack, second, "SENT");
  await friend.next((message) => message.text === "two");
  assert.deepEqual(
    friend.inbox.map(({ text, message }) => message.imageMessage?.caption ?? text),
    ["one", "two"],
  );
  assertNoErrorsLogged(stack);
});

for (
  const [what, refuse] of Object.entries<(stack: Stack, refused: boolean) => void>({
    "WhatsApp's server refuses": ({ standIn }, refused) => {
      standIn.faults.sendRefusal = refused ? 500 : undefined;
    },
    "WhatsApp's hosts do not take": ({ standIn }, refused) => {
      if (refused) standIn.media.refuseUploads.push(503);
    },
  })
) {
  Deno.test(`A medium that ${what} goes out under the same id when it is asked for again`, async () => {
    await using files = await startFileHost();
    await using stack = await startStack({ broker, environment: { BACKEND_API_URL: files.url } });
    const friend = stack.standIn.contact(FRIEND);
    const worker = await stack.startWorker();
    await pair(stack, LINE);
    refuse(stack, true);
    const image = { type: "IMAGE", mediaUrl: "photo.jpg", content: "look" };
    const failed = await answer(stack, await send(stack, 1, image), "FAILED");
    assert.equal(failed.body.retryable, true, String(failed.body.code));
    refuse(stack, false);
    await worker.stop();
    await stack.startWorker();
    const again = await send(stack, 1, { ...image, type: "image" });
    const { body } = await answer(stack, again, "SENT");
    const { id, message } = await friend.next();
    assert.equal(id, body.whatsappMessageId);
    assert.deepEqual(
      Buffer.from(await stack.standIn.media.open(message.imageMessage as never, "image")),
      PHOTO,
    );
    const other = await answer(stack, await send(stack, 1, { ...image, content: "look here" }), "SENT");
    assert.notEqual(other.body.whatsappMessageId, id);
    const repeated = await send(stack, 1, image);
    assert.equal((await answer(stack, repeated, "DELIVERED")).body.whatsappMessageId, id);
    assert.deepEqual(toldOf(stack, repeated), ["DELIVERED"]);
    assert.equal(friend.inbox.length, 2);
  });
}

Deno.test("A medium that broke off with its number's link, which does not come back in time, was never sent", async () => {
  await using files = await startFileHost();
  await using stack = await startStack({ broker, environment: { BACKEND_API_URL: files.url } });
  const { standIn } = stack;
  const friend = standIn.contact(FRIEND);
  files.files.set("cut.jpg", (response) => {
    response.writeHead(200).write(PHOTO.subarray(0, 100));
    standIn.faults.upgradeStatus = 503;
    standIn.faults.dropLinks(LINE.phoneNumber);
    event(stack, LINE, "disconnected").then(() => response.destroy());
  });
  await stack.startWorker();
  await pair(stack, LINE);
  const image = { type: "IMAGE", mediaUrl: "cut.jpg" };
  const { body } = await answer(
    stack,
    await send(stack, 1, { ...image, expiresAt: Date.now() + 2000 }),
    "FAILED",
  );
  assert.deepEqual([body.code, body.retryable], ["expired", true]);
  files.files.set("cut.jpg", PHOTO);
  standIn.faults.upgradeStatus = undefined;
  await answer(stack, await send(stack, 1, image), "SENT");
  await friend.next();
  assert.equal(friend.inbox.length, 1);
});
