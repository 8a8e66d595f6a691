import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { startFileHost } from "../file_host.ts";
import { mp3Of, mp4Of } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { FRIEND, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { footprintOf, WATCHED } from "./footprint.ts";

const broker = await sharedBroker();
const MEBI = 1024 * 1024;
const MEDIUM_BYTES = 100 * MEBI - 1024;
/** Where its host falls silent until the worker has been looked at. */
const PAUSE_AT = 90 * MEBI;
/** What is in flight between the host, the disk and whoever listens in. */
const MOST_HELD_BYTES = 4 * MEBI;
const TIMEOUT_MS = 120_000;
/** How often a worker is looked at until it has let go of what it does not need. */
const MOST_LOOKS = 100;

Deno.test("A medium of 100 MB passes through a worker that has no more of it at a time than a few pieces", async () => {
  await using files = await startFileHost();
  await using stack = await startStack({
    broker,
    environment: { BACKEND_API_URL: files.url, LOG_LEVEL: "info" },
  });
  const friend = stack.standIn.contact(FRIEND);
  const program = stack.startProgram({}, WATCHED);
  await program.printed("the worker is ready");
  await pair(stack, LINE);

  /** Sends it. @returns how much more the worker has than before, when nearly all of it has come */
  const heldOf = async (name: string, type: string, bytes: Uint8Array) => {
    const paused = Promise.withResolvers<() => void>();
    files.files.set(name, async (response) => {
      response.writeHead(200, { "Content-Length": bytes.length });
      if (bytes.length > PAUSE_AT) {
        if (!response.write(bytes.subarray(0, PAUSE_AT))) await once(response, "drain");
      }
      paused.resolve(() => response.end(bytes.subarray(Math.min(PAUSE_AT, bytes.length))));
      if (bytes.length <= PAUSE_AT) response.end(bytes);
    });
    const before = await footprintOf(program);
    const command = await stack.backend.send({
      messageId: name,
      numberId: LINE.numberId,
      recipientNumber: `+${FRIEND}`,
      type,
      mediaUrl: name,
    });
    const goOn = await paused.promise;
    const during = await footprintOf(program);
    if (bytes.length > PAUSE_AT) goOn();
    const { body } = await stack.backend.next(
      ({ body, properties }) => body.status === "SENT" && properties.correlationId === command,
      { describe: `${name} to be sent`, timeoutMs: TIMEOUT_MS },
    );
    assert.equal((body.media as { size: number }).size, bytes.length);
    return during.heap + during.external - before.heap - before.external;
  };
  // What is loaded for the first medium of each type stays.
  await heldOf("small.mp3", "AUDIO", mp3Of(10));
  await heldOf("small.mp4", "VIDEO", mp4Of(10));

  const bytes = new Uint8Array(MEDIUM_BYTES);
  for (
    const [name, type, medium] of [
      ["large.bin", "DOCUMENT", bytes],
      ["large.mp4", "VIDEO", mp4Of(MEDIUM_BYTES, { moovLast: true })],
      ["large.mp3", "AUDIO", mp3Of(Math.floor(MEDIUM_BYTES / 417))],
    ] as const
  ) {
    const held = await heldOf(name, type, medium);
    console.log(`${name}: ${(held / MEBI).toFixed(1)} MiB more than before when 90 MiB had come`);
    assert.ok(held < MOST_HELD_BYTES, `of ${name} it holds ${(held / MEBI).toFixed(1)} MiB`);
  }
  const { message } = await friend.next(({ message }) => Boolean(message.documentMessage));
  const { media } = stack.standIn;
  const opened = await media.open(message.documentMessage as Parameters<typeof media.open>[0], "document");
  assert.ok(opened.equals(Buffer.from(bytes.buffer)));
});

Deno.test("A medium in a command is in memory once for as long as its send waits", async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  const friend = stack.standIn.contact(FRIEND);
  const program = stack.startProgram({}, WATCHED);
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  await stack.backend.command({ action: "close", numberId: LINE.numberId });
  await stack.backend.next(({ body }) => body.action === "closed", { describe: "closed" });

  const bytes = Buffer.alloc(11 * MEBI, "medium");
  const mediaBase64 = bytes.toString("base64");
  const before = await footprintOf(program);
  await stack.backend.send({
    messageId: "waits",
    numberId: LINE.numberId,
    recipientNumber: `+${FRIEND}`,
    type: "DOCUMENT",
    content: "waits.bin",
    mediaBase64,
  });
  const heldNow = async () => {
    const now = await footprintOf(program);
    return now.heap + now.external - before.heap - before.external;
  };
  let held = 0;
  while (held < mediaBase64.length) held = await heldNow();
  // The reader may still have it as well, or whoever takes it off the wire.
  for (let look = 0; look < MOST_LOOKS && held > 1.5 * mediaBase64.length; look++) held = await heldNow();
  const inMebi = (size: number) => `${(size / MEBI).toFixed(1)} MiB`;
  console.log(`${inMebi(held)} more than before for ${inMebi(mediaBase64.length)} that wait`);
  assert.ok(held < 1.5 * mediaBase64.length);

  await stack.backend.command({ action: "reconnect", numberId: LINE.numberId });
  const { message } = await friend.next(({ message }) => Boolean(message.documentMessage));
  const { media } = stack.standIn;
  const opened = await media.open(message.documentMessage as Parameters<typeof media.open>[0], "document");
  assert.ok(opened.equals(bytes));
});
