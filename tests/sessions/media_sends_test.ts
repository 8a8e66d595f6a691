import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type FileHost, startFileHost } from "../file_host.ts";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText } from "./steps.ts";

const broker = await sharedBroker();
const KEY = "the-backends-key";

/** A deployment whose backend has files. */
async function start(files: FileHost, environment: Record<string, string> = {}): Promise<Stack> {
  const stack = await startStack({
    broker,
    environment: { BACKEND_API_URL: `${files.url}/api`, BACKEND_API_KEY: KEY, ...environment },
  });
  stack.standIn.contact(FRIEND);
  return stack;
}

/** Sends a medium to {@link FRIEND}. @returns the AMQP `message_id` of the command */
function send({ backend }: Stack, messageId: number, body: Record<string, unknown>): Promise<string> {
  return backend.send({ messageId, numberId: LINE.numberId, recipientNumber: `+${FRIEND}`, ...body });
}

/** Sends a medium. @returns the body of the first answer */
async function sent(stack: Stack, messageId: number, body: Record<string, unknown>) {
  const command = await send(stack, messageId, body);
  const first = await stack.backend.next(({ properties }) => properties.correlationId === command, {
    describe: `an answer to ${messageId}`,
  });
  return first.body;
}

/** What is left of media that were to go out. */
async function staged({ environment }: Stack): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(join(environment.SESSION_DIR!, "media", "outgoing")));
    return entries.map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const uploads = ({ standIn }: Stack) =>
  standIn.media.requests.filter((request) => request.startsWith("POST"));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("What a medium is, and what may be amiss with it, is told with its SENT and not again", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  await stack.startWorker();
  await pair(stack, LINE);
  const about = (name: keyof typeof SAMPLES, mimeType: string, declaredMimeType?: string) => ({
    mimeType,
    ...(declaredMimeType === undefined ? {} : { declaredMimeType }),
    size: SAMPLES[name].length,
    sha256: createHash("sha256").update(SAMPLES[name]).digest("hex"),
  });

  const right = await send(stack, 1, { type: "IMAGE", mediaUrl: "photo.jpg" });
  const { body } = await answer(stack, right, "SENT");
  assert.deepEqual([body.media, body.warnings], [about("photo.jpg", "image/jpeg"), undefined]);
  const delivered = await answer(stack, right, "DELIVERED");
  assert.equal(delivered.body.media, undefined);

  const wrong = await sent(stack, 2, { type: "IMAGE", mediaUrl: "photo.jpg", mimeType: "image/png" });
  assert.deepEqual(wrong.media, about("photo.jpg", "image/jpeg", "image/png"));
  assert.deepEqual(wrong.warnings, ["media_type_differs"]);
  const spoken = await sent(stack, 3, { type: "AUDIO", mediaUrl: "song.mp3", ptt: true, content: "Listen" });
  assert.deepEqual(spoken.warnings, ["voice_note_not_opus", "content_not_shown"]);
  assertNoErrorsLogged(stack);
});

Deno.test("The backend's own files are asked for with its key, which nobody else sees", async () => {
  await using files = await startFileHost();
  await using elsewhere = await startFileHost();
  await using stack = await start(files, { MEDIA_ALLOW_HOSTS: elsewhere.host });
  files.files.set("moved.jpg", (response) => {
    response.writeHead(302, { Location: `${elsewhere.url}/photo.jpg` }).end();
  });
  await stack.startWorker();
  await pair(stack, LINE);
  assert.equal((await sent(stack, 1, { type: "IMAGE", mediaUrl: "uploads/photo.jpg?v=2" })).status, "SENT");
  assert.equal((await sent(stack, 2, { type: "IMAGE", mediaUrl: "/public/photo.jpg" })).status, "SENT");
  assert.equal((await sent(stack, 3, { type: "IMAGE", mediaUrl: "moved.jpg" })).status, "SENT");
  assert.equal(
    (await sent(stack, 4, { type: "IMAGE", mediaUrl: `${elsewhere.url}/photo.jpg` })).status,
    "SENT",
  );
  assert.deepEqual(
    files.requests.map(({ path, headers }) => [path, headers.authorization, headers["x-api-key"]]),
    ["/api/uploads/photo.jpg?v=2", "/public/photo.jpg", "/api/moved.jpg"].map((
      path,
    ) => [path, `Bearer ${KEY}`, KEY]),
  );
  assert.equal(elsewhere.requests.length, 2);
  assert.doesNotMatch(JSON.stringify(elsewhere.requests), new RegExp(KEY));

  // The host of the backend is private like any other when it is named.
  const absolute = await sent(stack, 5, { type: "IMAGE", mediaUrl: `${files.url}/api/photo.jpg` });
  assert.deepEqual([absolute.status, absolute.code, absolute.retryable], [
    "FAILED",
    "media_url_refused",
    false,
  ]);
  assert.match(String(absolute.error), /MEDIA_ALLOW_HOSTS/);
  assert.doesNotMatch(stack.logged.join("\n"), new RegExp(KEY));
});

Deno.test("A medium that cannot be had or shown fails with what to do about it, and nothing goes out", async () => {
  await using files = await startFileHost();
  await using stack = await start(files, { MEDIA_MAX_SIZE: "60000" });
  files.files.set("large.pdf", Buffer.concat([SAMPLES["invoice.pdf"], new Uint8Array(60_000)]));
  files.files.set("empty.pdf", new Uint8Array());
  files.files.set("broken.pdf", (response) => response.writeHead(503).end());
  await stack.startWorker();
  await pair(stack, LINE);
  const large = Buffer.alloc(60_001).toString("base64");
  const cases: readonly [Record<string, unknown>, string, boolean][] = [
    [{ type: "DOCUMENT", mediaUrl: "nowhere.pdf" }, "media_not_found", false],
    [{ type: "DOCUMENT", mediaUrl: "broken.pdf" }, "media_fetch_failed", true],
    [{ type: "DOCUMENT", mediaUrl: "large.pdf" }, "media_too_large", false],
    [{ type: "DOCUMENT", mediaBase64: large }, "media_too_large", false],
    [{ type: "DOCUMENT", mediaUrl: `data:,${"x".repeat(60_001)}` }, "media_too_large", false],
    [{ type: "DOCUMENT", mediaUrl: "empty.pdf" }, "media_empty", false],
    [{ type: "DOCUMENT", mediaUrl: "data:application/pdf;base64,JVBERi0$" }, "media_invalid", false],
    [{ type: "DOCUMENT", mediaBase64: "JVBER" }, "invalid_command", false],
    [{ type: "DOCUMENT", mediaUrl: "http://127.0.0.1/" }, "media_url_refused", false],
    [{ type: "DOCUMENT", mediaUrl: "http://169.254.169.254/latest/meta-data" }, "media_url_refused", false],
    [{ type: "DOCUMENT", mediaUrl: "a\\..\\..\\x" }, "media_url_refused", false],
    [{ type: "IMAGE", mediaUrl: "invoice.pdf" }, "media_type_mismatch", false],
    [{ type: "STICKER", mediaUrl: "dot.png" }, "media_type_mismatch", false],
    [{ type: "VIDEO", mediaUrl: "dot.gif", gif: true }, "media_type_mismatch", false],
    [{ type: "IMAGE", mediaUrl: "photo.jpg", thumbnail: "iVBORw0KGgo=" }, "media_invalid", false],
  ];
  for (const [index, [body, code, retryable]] of cases.entries()) {
    const failed = await sent(stack, index, body);
    assert.deepEqual(
      [failed.status, failed.code, failed.retryable],
      ["FAILED", code, retryable],
      JSON.stringify(body),
    );
  }
  assert.deepEqual(uploads(stack), []);
  assert.deepEqual(await staged(stack), []);
  assert.equal(stack.standIn.stats.messages, 0);
  assert.equal(
    (await answer(stack, await sendText(stack, LINE, 100, "goes on"), "SENT")).body.status,
    "SENT",
  );
  assertNoErrorsLogged(stack);
});

Deno.test("A medium that WhatsApp's hosts do not take fails, and is uploaded when it is sent again", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  const { media } = stack.standIn;
  await stack.startWorker();
  await pair(stack, LINE);
  const image = { type: "IMAGE", mediaUrl: "photo.jpg" };
  media.refuseUploads.push(413);
  const large = await sent(stack, 1, image);
  assert.deepEqual([large.code, large.retryable], ["media_too_large", false]);
  media.refuseUploads.push(500);
  const failed = await sent(stack, 2, image);
  assert.deepEqual([failed.code, failed.retryable], ["media_upload_failed", true]);
  assert.match(String(failed.error), /HTTP 500/);
  const again = await sent(stack, 2, image);
  assert.equal(again.status, "SENT");
  // What they want to see is asked for anew when they do not take it.
  media.refuseUploads.push(401);
  assert.equal((await sent(stack, 3, image)).status, "SENT");
  assert.equal(uploads(stack).length, 5);
  assert.deepEqual(await staged(stack), []);
  assertNoErrorsLogged(stack);
});

Deno.test("A medium is uploaded once, though the worker is killed before WhatsApp has taken its message", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  const { standIn } = stack;
  const friend = standIn.contact(FRIEND);
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  standIn.faults.dropAcks = true;
  const command = await send(stack, 1, { type: "AUDIO", mediaUrl: "song.mp3", mimeType: "audio/ogg" });
  const { message } = await friend.next(({ message }) => Boolean(message.audioMessage));
  assert.equal(message.audioMessage?.seconds, 3);
  killed.process.kill("SIGKILL");
  await killed.process.status;
  // What a worker that was killed in the middle of a medium leaves.
  const leftover = join(stack.environment.SESSION_DIR!, "media", "outgoing", "leftover");
  await Deno.writeTextFile(leftover, "half a medium");

  standIn.faults.dropAcks = false;
  await stack.startWorker();
  const { body } = await answer(stack, command, "SENT");
  assert.deepEqual(body.warnings, ["media_type_differs"]);
  assert.equal((body.media as { mimeType: string }).mimeType, "audio/mpeg");
  assert.equal(files.requests.length, 1);
  assert.equal(uploads(stack).length, 1);
  const bytes = await standIn.media.open(
    message.audioMessage as Parameters<typeof standIn.media.open>[0],
    "audio",
  );
  assert.deepEqual(new Uint8Array(bytes), new Uint8Array(SAMPLES["song.mp3"]));
  assert.equal(friend.inbox.length, 1);
  assert.deepEqual(await staged(stack), []);
});

Deno.test("A worker that stops gives up fetching, and the next one sends the medium", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  let closed = 0;
  files.files.set("slow.jpg", (response) => {
    response.on("close", () => closed++);
    response.writeHead(200).write(Buffer.from(SAMPLES["photo.jpg"].subarray(0, 100)));
  });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const command = await send(stack, 1, { type: "IMAGE", mediaUrl: "slow.jpg" });
  await until(() => files.requests.length === 1);
  const stoppedAt = performance.now();
  await worker.stop();
  assert.ok(performance.now() - stoppedAt < 5000, "it does not wait for the file");
  await until(() => closed === 1);
  assert.deepEqual(await staged(stack), []);
  files.files.set("slow.jpg", SAMPLES["photo.jpg"]);
  await stack.startWorker();
  assert.equal((await answer(stack, command, "SENT")).body.status, "SENT");
  assert.equal(stack.backend.received.filter(({ body }) => body.status === "FAILED").length, 0);
});

Deno.test("A link that is lost while a medium is fetched costs nothing but time", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  let goOn = () => {};
  files.files.set("slow.jpg", (response) => {
    response.writeHead(200).write(Buffer.from(SAMPLES["photo.jpg"].subarray(0, 100)));
    goOn = () => response.end(Buffer.from(SAMPLES["photo.jpg"].subarray(100)));
  });
  await stack.startWorker();
  await pair(stack, LINE);
  const command = await send(stack, 1, { type: "IMAGE", mediaUrl: "slow.jpg" });
  await until(() => files.requests.length === 1);
  files.files.set("slow.jpg", SAMPLES["photo.jpg"]);
  stack.standIn.faults.dropLinks(LINE.phoneNumber);
  await event(stack, LINE, "disconnected");
  goOn();
  const { body } = await answer(stack, command, "SENT");
  assert.equal(body.status, "SENT");
  assert.equal(stack.standIn.contact(FRIEND).inbox.length, 1);
});

Deno.test("A medium that comes when its message is of no use any more is not sent", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  let goOn = () => {};
  files.files.set("slow.jpg", (response) => {
    response.writeHead(200).write(Buffer.from(SAMPLES["photo.jpg"].subarray(0, 100)));
    goOn = () => response.end(Buffer.from(SAMPLES["photo.jpg"].subarray(100)));
  });
  await stack.startWorker();
  await pair(stack, LINE);
  const expiresAt = Date.now() + 1_500;
  const command = await send(stack, 1, { type: "IMAGE", mediaUrl: "slow.jpg", expiresAt });
  await until(() => files.requests.length === 1);
  await until(() => Date.now() > expiresAt);
  goOn();
  const { body } = await answer(stack, command, "FAILED");
  assert.deepEqual([body.code, body.retryable], ["expired", true]);
  await answer(stack, await sendText(stack, LINE, 2, "in time"), "DELIVERED");
  assert.equal(stack.standIn.contact(FRIEND).inbox.length, 1);
});

Deno.test("Somebody who clears up in the state folder fails a medium, and its backend is told", async () => {
  await using files = await startFileHost();
  await using stack = await start(files);
  const staging = join(stack.environment.SESSION_DIR!, "media", "outgoing");
  files.files.set("large.jpg", async (response) => {
    response.writeHead(200).write(Buffer.concat([SAMPLES["photo.jpg"], Buffer.alloc(128 * 1024)]));
    while ((await staged(stack)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await Deno.remove(staging, { recursive: true });
    response.end();
  });
  await stack.startWorker();
  await pair(stack, LINE);
  const failed = await sent(stack, 1, { type: "IMAGE", mediaUrl: "large.jpg" });
  assert.deepEqual([failed.status, failed.code, failed.retryable], ["FAILED", "media_upload_failed", true]);
  assert.equal((await sent(stack, 2, { type: "IMAGE", mediaUrl: "photo.jpg" })).status, "SENT");
});
