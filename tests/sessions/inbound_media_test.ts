/** Media of messages that came in, when something is in their way. */

import { strict as assert } from "node:assert";
import { createServer } from "node:http";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { contentOf, KINDS, mediaIn, post } from "../matrix/inbound_media.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import type { MediaTimings } from "../../src/whatsapp/media/incoming/fetcher.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { event, events, FRIEND, LINE, line, settled } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const [PICTURE] = KINDS;
/** What fails is tried again soon. */
const media = { pollMs: 50, retryMs: 10, askAgainMs: 3_600_000, noRoomMs: 50 };

interface Posted {
  readonly messageId: string;
  readonly plain: Buffer;
  /** What the medium has to be forgotten or damaged by. */
  readonly directPath: string;
  readonly mediaKey: Uint8Array;
}

async function start(environment: Record<string, string> = {}, timings: Partial<MediaTimings> = {}) {
  const stack = await startStack({ broker, environment });
  const extras = { media: { ...media, ...timings } };
  const worker = await stack.startWorker({}, extras);
  await pair(stack, LINE);
  const contact = stack.standIn.contact(FRIEND);
  let posts = 0;
  return {
    stack,
    worker,
    extras,
    contact,
    host: stack.standIn.media,
    phone: stack.standIn.phone(LINE.phoneNumber),
    /** Uploads a medium; it is sent when `before` has seen to it. */
    write: async (
      before: (posted: Posted) => void = () => {},
      { group, bytes = 5_000 }: { group?: string | undefined; bytes?: number } = {},
    ): Promise<Posted> => {
      const { message, content, plain } = await post(stack.standIn, PICTURE!, bytes);
      const messageId = `3A00000000000000000${++posts}`;
      const posted = { messageId, plain, directPath: content.directPath, mediaKey: content.mediaKey };
      before(posted);
      if (group === undefined) await contact.send(LINE.phoneNumber, message, messageId);
      else await contact.sendToGroup(group, LINE.phoneNumber, message, messageId);
      return posted;
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

async function assertComes(stack: Stack, { messageId, plain }: Posted): Promise<void> {
  const { status, data } = mediaIn(await contentOf(stack, messageId));
  assert.equal(status, "INLINE");
  assert.deepEqual(Buffer.from(String(data), "base64"), plain);
}

async function assertFails(stack: Stack, { messageId }: Posted, code: string, words: RegExp) {
  const { id: _, error, ...rest } = mediaIn(await contentOf(stack, messageId));
  assert.deepEqual(rest, { status: "FAILED", code });
  assert.match(String(error), words);
}

Deno.test("A medium that WhatsApp has no more is asked of the phone, which uploads it again", async () => {
  await using test = await start();
  const { stack, host, phone } = test;
  for (const group of [undefined, GROUP]) {
    for (const status of [404, 410, 403]) {
      const posted = await test.write(({ messageId, directPath, mediaKey }) => {
        host.refuseDownloads.push(status);
        phone.media.set(messageId, { sealed: host.forget(directPath), mediaKey });
      }, { group });
      await assertComes(stack, posted);
    }
  }
  assert.deepEqual(stack.standIn.stats.violations, []);
});

Deno.test("A medium that the phone has no more either is given up at once", async () => {
  await using test = await start();
  const { stack, host, phone } = test;
  for (const isKnown of [true, false]) {
    const posted = await test.write(({ messageId, directPath, mediaKey }) => {
      host.forget(directPath);
      if (isKnown) phone.media.set(messageId, { mediaKey });
    });
    await assertFails(stack, posted, "not_found", /nor has the number's phone/);
  }
  assert.equal(phone.mediaAskedFor.items.length, 2);
});

Deno.test("A download that breaks is tried again, and what is damaged is asked for again", async () => {
  await using test = await start();
  const { stack, host, phone } = test;
  host.refuseDownloads.push("cut", 500, 503);
  await assertComes(stack, await test.write());
  assert.equal(phone.mediaAskedFor.items.length, 0);

  const posted = await test.write(({ messageId, directPath, mediaKey }) => {
    phone.media.set(messageId, { sealed: host.damage(directPath), mediaKey });
  });
  await assertComes(stack, posted);
  assert.equal(phone.mediaAskedFor.items.length, 1);
  // The first download of the damaged one may have been cut: it is worth a second.
  assert.equal(host.requests.filter((request) => request === `GET ${posted.directPath}`).length, 2);
});

Deno.test("A message comes at once while the media host keeps silent, and so do all after it", async () => {
  await using test = await start();
  const { stack, host, contact, worker, extras } = test;
  // The host sends half of each, and nothing more: every hand that the number has is full for two minutes.
  host.refuseDownloads.push("stall", "stall");
  const posted: Posted[] = [];
  for (let i = 0; i < 3; i++) {
    posted.push(await test.write());
    const told = await event(stack, LINE, "message_received", { messageId: posted[i]!.messageId });
    assert.equal(mediaIn(told).status, "PENDING");
    assert.equal(typeof mediaIn(told).thumbnail, "string");
  }
  await contact.sendText(LINE.phoneNumber, "meanwhile");
  await event(stack, LINE, "message_received", { body: "meanwhile" });
  assert.equal(host.requests.filter((request) => request.startsWith("GET")).length, 2);
  assert.equal(events(stack, LINE, "message_media").length, 0);
  // It does not hold up the end of the worker either, and nothing is lost over it.
  await worker.stop();
  await stack.startWorker({}, extras);
  for (const each of posted) await assertComes(stack, each);
});

Deno.test("A phone that is off is asked again at the next login", async () => {
  // So that nothing but the login makes it due.
  await using test = await start({}, { retryMs: 3_600_000, askAgainMs: 0 });
  const { stack, host, phone } = test;
  phone.isOn = false;
  const posted = await test.write(({ messageId, directPath, mediaKey }) => {
    phone.media.set(messageId, { sealed: host.forget(directPath), mediaKey });
  });
  await phone.mediaAskedFor.next("request", (id) => id === posted.messageId, 10_000);
  // A message never waits for its medium.
  await event(stack, LINE, "message_received", { messageId: posted.messageId });
  await test.contact.sendText(LINE.phoneNumber, "meanwhile");
  await event(stack, LINE, "message_received", { body: "meanwhile" });
  assert.equal(events(stack, LINE, "message_media").length, 0);

  phone.isOn = true;
  stack.standIn.faults.dropLinks();
  await assertComes(stack, posted);
  assert.equal(phone.mediaAskedFor.items.length, 2);
});

Deno.test("A message that WhatsApp delivers again has one medium", async () => {
  await using test = await start();
  const { stack, contact, host } = test;
  const posted = await test.write();
  await assertComes(stack, posted);
  contact.repost(posted.messageId);
  await contact.sendText(LINE.phoneNumber, "last");
  await event(stack, LINE, "message_received", { body: "last" });
  await settled(stack, LINE);
  assert.equal(events(stack, LINE, "message_media").length, 1);
  assert.equal(host.requests.length, 1);
});

Deno.test("What is larger than it may be is not fetched to its end, whatever its message says", async () => {
  await using test = await start({ MEDIA_MAX_SIZE: "4096" });
  const { stack } = test;
  await assertFails(
    stack,
    await test.write(),
    "too_large",
    /larger than 4096 bytes: .* raise MEDIA_MAX_SIZE/,
  );
  await assertComes(stack, await test.write(() => {}, { bytes: 4096 }));
});

Deno.test("No host is asked but those WhatsApp names, and no redirect is followed", async () => {
  const asked: string[] = [];
  const trap = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end();
  }).listen(0, "127.0.0.1");
  await once(trap, "listening");
  const trapHost = `127.0.0.1:${(trap.address() as AddressInfo).port}`;
  try {
    await using test = await start();
    const { stack, contact, phone } = test;
    for (
      const path of [`//${trapHost}/x`, `/\\${trapHost}/x`, `http://${trapHost}/x`, `\t//${trapHost}/x`, ""]
    ) {
      const { content } = await post(stack.standIn, PICTURE!, 100);
      const url = `http://${trapHost}/y`;
      const id = await contact.send(LINE.phoneNumber, {
        imageMessage: { ...content, url, directPath: path },
      });
      // It leads nowhere, as one does that is gone.
      await phone.mediaAskedFor.next("request", (asked) => asked === id, 10_000);
    }
    await assertComes(
      stack,
      await test.write(() => test.host.refuseDownloads.push(new URL(`http://${trapHost}/z`))),
    );
    assert.deepEqual(asked, []);
  } finally {
    trap.close();
  }
});

Deno.test("A medium without a key is given up, as nobody could read it", async () => {
  await using test = await start();
  const { stack, contact, phone } = test;
  const messageId = await contact.send(LINE.phoneNumber, {
    imageMessage: { url: "https://mmg.whatsapp.net/v/x" },
  });
  const told = await event(stack, LINE, "message_received", { messageId });
  assert.deepEqual(
    { ...mediaIn(told), id: "", url: "" },
    {
      id: "",
      mimeType: "application/octet-stream",
      size: 0,
      sha256: null,
      thumbnail: null,
      status: "PENDING",
      url: "",
    },
  );
  const { code } = mediaIn(await contentOf(stack, messageId));
  assert.equal(code, "no_key");
  assert.equal(phone.mediaAskedFor.items.length, 0);
});

Deno.test("Without HTTP what is not published itself is kept, and nobody is told of an address", async () => {
  await using test = await start({ HTTP_PORT: "", MEDIA_INLINE_LIMIT: "1000" });
  const { stack } = test;
  const { messageId, plain } = await test.write();
  const told = await event(stack, LINE, "message_received", { messageId });
  assert.equal(mediaIn(told).url, null);
  const { id, status, url } = mediaIn(await contentOf(stack, messageId));
  assert.deepEqual([status, url], ["STORED", null]);
  const folder = join(stack.folder, "sessions", "media", "received");
  assert.deepEqual(Deno.readFileSync(join(folder, String(id))), new Uint8Array(plain));
  await assertComes(stack, await test.write(() => {}, { bytes: 1000 }));
  assert.deepEqual(
    [...Deno.readDirSync(folder)].map(({ name }) => name),
    [String(id)],
    "what was published is not",
  );
});

Deno.test("The media of a number that logs out are forgotten with it, those of others are not", async () => {
  await using test = await start({ MEDIA_INLINE_LIMIT: "0" });
  const { stack, host, phone } = test;
  await pair(stack, line(7));
  const other = await post(stack.standIn, PICTURE!, 10);
  const otherId = await test.contact.send(line(7).phoneNumber, other.message);
  const kept = mediaIn(await contentOf(stack, otherId, line(7)));
  await contentOf(stack, (await test.write()).messageId);
  phone.isOn = false;
  const pending = await test.write(({ directPath }) => void host.forget(directPath));
  await phone.mediaAskedFor.next("request", (id) => id === pending.messageId, 10_000);
  await stack.backend.command({ action: "logout", numberId: LINE.numberId });
  await event(stack, LINE, "logged_out");
  await stack.backend.command({ action: "status", numberId: LINE.numberId });
  await event(stack, LINE, "session_status", { status: "NOT_FOUND" });
  const folder = join(stack.folder, "sessions", "media", "received");
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  await until(() => names().length === 1, { describe: "the files to be removed" });
  assert.deepEqual(names(), [kept.id]);
});

Deno.test("Each of two workers serves the media of its own numbers, to those with its token", async () => {
  const ports = [freePort(), freePort()];
  await using stack = await startStack({ broker, environment: { MEDIA_INLINE_LIMIT: "0" } });
  for (const [index, port] of ports.entries()) {
    await stack.startWorker({
      WORKER_ID: `worker-${index + 1}`,
      SESSION_DIR: join(stack.folder, `sessions-${index + 1}`),
      HTTP_PORT: String(port),
      HTTP_TOKEN: `token-of-worker-${index + 1}`,
    });
  }
  const contact = stack.standIn.contact(FRIEND);
  for (const index of [0, 1]) {
    const { numberId, phoneNumber } = line(index + 1);
    const workerId = `worker-${index + 1}`;
    await stack.backend.command({ action: "create", numberId, phoneNumber: `+${phoneNumber}`, workerId });
    const { body } = await event(stack, line(numberId), "qr_generated");
    await stack.standIn.phone(phoneNumber).scanPng(String(body.qrCode));
    await event(stack, line(numberId), "connected");
    const { message, plain } = await post(stack.standIn, PICTURE!, 9_000);
    const came = await contentOf(stack, await contact.send(phoneNumber, message), line(numberId));
    assert.equal(came.body.workerId, workerId);
    const { url } = mediaIn(came);
    const ask = (port: number | undefined, token: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${port}${url}`, { ...init, headers: { authorization: `Bearer ${token}` } });
    const fetched = await ask(ports[index], `token-of-${workerId}`);
    assert.deepEqual(Buffer.from(await fetched.arrayBuffer()), plain);
    const head = await ask(ports[index], `token-of-${workerId}`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length")], [200, "9000"]);
    const others: [number, number | undefined, string][] = [
      [401, ports[index], `token-of-worker-${2 - index}`],
      [401, ports[index], ""],
      [404, ports[1 - index], `token-of-worker-${2 - index}`],
    ];
    for (const [status, port, token] of others) {
      const answer = await ask(port, token);
      assert.equal(answer.status, status);
      await answer.body?.cancel();
    }
  }
});
