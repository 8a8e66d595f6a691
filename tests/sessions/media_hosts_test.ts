/** Which hosts a medium is fetched from, by the program as it is deployed: names, certificates, what a redirect may lead to. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startFileHost } from "../file_host.ts";
import { SAMPLES } from "../media_samples.ts";
import { AUTHORITY, GOOD, KEY } from "../preflight/certificates.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { event, FRIEND, LINE } from "./steps.ts";

const broker = await sharedBroker();
const BACKEND_KEY = "the-backends-key";

async function startSecureHost() {
  const keys: (string | undefined)[] = [];
  const server = createServer({ cert: GOOD, key: KEY }, ({ headers }, response) => {
    keys.push(headers.authorization);
    response.end(Buffer.from(SAMPLES["photo.jpg"]));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    keys,
    host: `localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function sent({ backend }: Stack, messageId: number, mediaUrl: string) {
  const command = await backend.send({
    messageId,
    numberId: LINE.numberId,
    to: FRIEND,
    type: "IMAGE",
    mediaUrl,
  });
  const { body } = await backend.next(({ properties }) => properties.correlationId === command, {
    describe: mediaUrl,
  });
  return body;
}

Deno.test("A medium is fetched over https from whom the worker trusts, and the failure says what it does not trust", async () => {
  await using host = await startSecureHost();
  await using stack = await startStack({
    broker,
    environment: {
      BACKEND_API_URL: `https://${host.host}/api`,
      BACKEND_API_KEY: BACKEND_KEY,
      MEDIA_ALLOW_HOSTS: host.host,
    },
  });
  const friend = stack.standIn.contact(FRIEND);
  const wary = stack.startProgram();
  await wary.printed("the worker is ready");
  await pair(stack, LINE);
  for (const [messageId, url] of ["photo.jpg", `https://${host.host}/photo.jpg`].entries()) {
    const { status, code, retryable, error } = await sent(stack, messageId, url);
    assert.deepEqual([status, code, retryable], ["FAILED", "media_fetch_failed", true]);
    assert.match(String(error), /authority that the worker does not trust .*DENO_CERT/);
  }
  assert.deepEqual(host.keys, []);
  wary.process.kill("SIGTERM");
  await wary.process.status;

  const authority = join(stack.folder, "ca.pem");
  await Deno.writeTextFile(authority, AUTHORITY);
  const trusting = stack.startProgram({ DENO_CERT: authority });
  await trusting.printed("the worker is ready");
  await event(stack, LINE, "connected");
  for (const [messageId, url] of ["photo.jpg", `https://${host.host}/photo.jpg`].entries()) {
    assert.equal((await sent(stack, messageId, url)).status, "SENT");
    const { message } = await friend.next();
    const bytes = await stack.standIn.media.open(message.imageMessage as never, "image");
    assert.deepEqual(Buffer.from(bytes), Buffer.from(SAMPLES["photo.jpg"]));
  }
  assert.deepEqual(host.keys, [`Bearer ${BACKEND_KEY}`, undefined]);
});

Deno.test("No name, number or redirect leads a medium into the operator's own network", async () => {
  await using files = await startFileHost();
  await using inside = await startFileHost();
  const [, port] = inside.host.split(":");
  await using stack = await startStack({ broker, environment: { MEDIA_ALLOW_HOSTS: files.host } });
  const redirect = (name: string, location: string) =>
    files.files.set(name, (response) => void response.writeHead(302, { Location: location }).end());
  redirect("in.jpg", `${inside.url}/photo.jpg`);
  redirect("by-name.jpg", `http://localhost:${port}/photo.jpg`);
  redirect("around.jpg", `${files.url}/around.jpg`);
  redirect("file.jpg", "file:///etc/passwd");
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const refused = [
    `http://localhost:${port}/photo.jpg`,
    `http://LOCALHOST.:${port}/photo.jpg`,
    `http://127.1:${port}/photo.jpg`,
    `http://2130706433:${port}/photo.jpg`,
    `http://0x7f000001:${port}/photo.jpg`,
    `http://0:${port}/photo.jpg`,
    `http://[::1]:${port}/photo.jpg`,
    `http://[::ffff:127.0.0.1]:${port}/photo.jpg`,
    `http://user:secret@${files.host}/photo.jpg`,
    `${files.url}/in.jpg`,
    `${files.url}/by-name.jpg`,
    `${files.url}/file.jpg`,
  ];
  for (const [messageId, url] of refused.entries()) {
    const { status, code, retryable } = await sent(stack, messageId, url);
    // What has no such name has no address either.
    const expected = url.includes("LOCALHOST.") && code === "media_fetch_failed" ? code : "media_url_refused";
    assert.deepEqual([status, code], ["FAILED", expected], url);
    assert.equal(retryable, code === "media_fetch_failed", url);
  }
  const around = await sent(stack, 100, `${files.url}/around.jpg`);
  assert.deepEqual([around.status, around.code], ["FAILED", "media_fetch_failed"]);
  assert.deepEqual(inside.requests, []);
  assert.equal((await sent(stack, 101, `${files.url}/photo.jpg`)).status, "SENT");
});
