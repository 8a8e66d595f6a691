/** Media of messages that came in, at a worker that is killed, has no room, or is to get by with little memory. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import type { Received } from "../backend/backend.ts";
import { DATABASE_FILE } from "../../src/store/database.ts";
import { contentOf, KINDS, mediaIn, post, sha256 } from "../matrix/inbound_media.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { event, FRIEND, LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { until } from "./inbound_sweep.ts";
import { mountSmallDisk, noSmallDisk } from "./small_disk.ts";

const broker = await sharedBroker();
const MEBI = 1024 * 1024;
const INLINE_LIMIT = 4_096;
const FOLDER = ["sessions", "media", "received"];

/** `MEDIA_KILLS=200` for the long run. */
const KILLS = Number(Deno.env.get("MEDIA_KILLS") ?? 10);
const MEDIA_A_KILL = 8;
const LATEST_KILL_MS = 150;

Deno.test("A download that a kill cut short is made again by the next worker, and leaves nothing behind", async () => {
  await using stack = await startStack({
    broker,
    environment: { LOG_LEVEL: "info", MEDIA_INLINE_LIMIT: "0" },
  });
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  const { standIn } = stack;
  const folder = join(stack.folder, ...FOLDER);
  standIn.media.refuseDownloads.push("stall");
  const { message, plain } = await post(standIn, KINDS[2]!, 3 * MEBI);
  const messageId = await standIn.contact(FRIEND).send(LINE.phoneNumber, message);
  const told = await event(stack, LINE, "message_received", { messageId });
  const part = join(folder, `${mediaIn(told).id}.part`);
  await until(() => sizeOf(part) > MEBI, () => "the download has not begun");
  program.process.kill("SIGKILL");
  await program.process.status;
  assert.ok(sizeOf(part) > MEBI, "half of it is there");

  stack.startProgram();
  const came = mediaIn(await contentOf(stack, messageId));
  assert.deepEqual([came.id, came.status, came.sha256], [mediaIn(told).id, "STORED", sha256(plain)]);
  assert.deepEqual(names(folder), [came.id]);
  assert.deepEqual(Deno.readFileSync(join(folder, String(came.id))), new Uint8Array(plain));
});

Deno.test(`A worker killed ${KILLS} times while media come in tells each once, byte for byte, and keeps no more`, async () => {
  const came = new Map<string, Map<string, Received>>();
  const listener = (received: Received) => {
    if (received.body.action !== "message_media") return;
    const id = String(received.body.messageId);
    came.set(id, (came.get(id) ?? new Map()).set(String(received.properties.messageId), received));
  };
  const port = freePort();
  await using stack = await startStack({
    broker,
    environment: {
      LOG_LEVEL: "info",
      MEDIA_INLINE_LIMIT: String(INLINE_LIMIT),
      HTTP_PORT: String(port),
    },
    backend: { listener },
  });
  const sent = new Map<string, Buffer>();
  let program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  let cutShort = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await send(stack, sent);
    await delay(Math.random() * LATEST_KILL_MS);
    program.process.kill("SIGKILL");
    await program.process.status;
    cutShort += pendingIn(join(stack.folder, "sessions"));
    program = await restart(stack);
  }
  assert.ok(cutShort > KILLS / 5, `only ${cutShort} media were pending at a kill`);
  await until(() => came.size === sent.size, () => `of ${sent.size} media ${came.size} have come`);

  const kept: string[] = [];
  for (const [messageId, plain] of sent) {
    const events = [...came.get(messageId)!.values()];
    assert.equal(events.length, 1, "told under one id");
    const { id, status, data, url } = mediaIn(events[0]!);
    kept.push(String(id));
    if (status === "INLINE") assert.deepEqual(Buffer.from(String(data), "base64"), plain);
    const fetched = await fetch(`http://127.0.0.1:${port}${url}`);
    assert.deepEqual(Buffer.from(await fetched.arrayBuffer()), plain);
  }
  assert.deepEqual(names(join(stack.folder, ...FOLDER)), kept.sort());
  console.log(`${KILLS} kills with ${cutShort} media pending; ${sent.size} came once each`);
});

Deno.test("Media of 50 and 200 MB are fetched and served in the same memory", async () => {
  const port = freePort();
  const environment = { LOG_LEVEL: "info", HTTP_PORT: String(port), MEDIA_MAX_SIZE: String(200 * MEBI) };
  await using stack = await startStack({ broker, environment });
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  const contact = stack.standIn.contact(FRIEND);
  /** @returns the most memory the worker ever had, when it is done */
  const take = async (bytes: number) => {
    const { message, plain } = await post(stack.standIn, KINDS[2]!, bytes);
    const startedAt = performance.now();
    const came = await contentOf(stack, await contact.send(LINE.phoneNumber, message));
    const fetchedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}${mediaIn(came).url}`);
    assert.equal(sha256(new Uint8Array(await response.arrayBuffer())), sha256(plain));
    const times = [fetchedAt - startedAt, performance.now() - fetchedAt].map(Math.round).join(" and ");
    const most = peak(program);
    console.log(
      `${bytes / MEBI} MiB: fetched and served in ${times} ms, at most ${Math.round(most / MEBI)} MiB`,
    );
    return most;
  };
  const idle = await take(MEBI);
  const small = await take(50 * MEBI);
  const large = await take(200 * MEBI);
  assert.ok(small - idle < 100 * MEBI, `${small - idle} bytes more for 50 MiB`);
  assert.ok(large - small < 60 * MEBI, `${large - small} bytes more for 150 MiB more`);
});

const skipped = noSmallDisk();

Deno.test({
  name: "Media leave the last of a disk to everything else, and come when there is room" +
    (skipped === undefined ? "" : ` (skipped: ${skipped})`),
  ignore: skipped !== undefined,
  fn: async () => {
    await using disk = await mountSmallDisk(72);
    await using stack = await startStack({
      broker,
      environment: { SESSION_DIR: join(disk.path, "sessions"), MEDIA_INLINE_LIMIT: "0" },
    });
    const worker = await stack.startWorker({}, { media: { pollMs: 50, noRoomMs: 50 } });
    await pair(stack, LINE);
    const contact = stack.standIn.contact(FRIEND);
    const { message } = await post(stack.standIn, KINDS[0]!, 20 * MEBI);
    const messageId = await contact.send(LINE.phoneNumber, message);
    await until(
      () => stack.logged.some((line) => line.includes("there is no room for media")),
      () => "nothing was said of the room",
    );
    await contact.sendText(LINE.phoneNumber, "messages go on");
    await event(stack, LINE, "message_received", { body: "messages go on" });
    const small = await post(stack.standIn, KINDS[0]!, 1000);
    await contentOf(stack, await contact.send(LINE.phoneNumber, small.message));
    assert.equal(stack.logged.filter((line) => line.includes("there is no room for media")).length, 1);

    await disk.resize(200);
    assert.equal(mediaIn(await contentOf(stack, messageId)).status, "STORED");
    await worker.stop();
  },
});

async function send({ standIn }: Stack, sent: Map<string, Buffer>): Promise<void> {
  const contact = standIn.contact(FRIEND);
  for (let count = 0; count < MEDIA_A_KILL; count++) {
    const { message, plain } = await post(standIn, KINDS[0]!, count % 2 === 0 ? INLINE_LIMIT : 300_000);
    sent.set(await contact.send(LINE.phoneNumber, message), plain);
  }
}

async function restart(stack: Stack): Promise<WorkerProgram> {
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  return program;
}

function pendingIn(sessions: string): number {
  const database = new DatabaseSync(join(sessions, DATABASE_FILE), { readOnly: true });
  try {
    const row = database.prepare("SELECT count(*) AS count FROM media WHERE status = 'PENDING'").get();
    return Number(row?.count);
  } finally {
    database.close();
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** The most memory it ever had. */
function peak({ process }: WorkerProgram): number {
  const text = Deno.readTextFileSync(`/proc/${process.pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)![1]) * 1024;
}
