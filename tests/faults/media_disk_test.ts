import { strict as assert } from "node:assert";
import { join } from "node:path";
import { startFileHost } from "../file_host.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, FRIEND, LINE, sendText } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { mountSmallDisk, noSmallDisk } from "./small_disk.ts";

const broker = await sharedBroker();
const skipped = noSmallDisk();
const TIMEOUT_MS = 30_000;

Deno.test({
  name: `A medium that the disk has no room for fails, to be sent again, and the worker goes on${
    skipped === undefined ? "" : ` (skipped: ${skipped})`
  }`,
  ignore: skipped !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(24);
    await using files = await startFileHost();
    await using stack = await startStack({
      broker,
      environment: { BACKEND_API_URL: files.url, SESSION_DIR: join(disk.path, "sessions") },
    });
    stack.standIn.contact(FRIEND);
    const worker = await stack.startWorker();
    await pair(stack, LINE);
    const send = async (bytes: number) => {
      files.files.set("large.bin", new Uint8Array(bytes));
      const command = await stack.backend.send({
        messageId: 1,
        numberId: LINE.numberId,
        recipientNumber: `+${FRIEND}`,
        type: "DOCUMENT",
        mediaUrl: "large.bin",
      });
      const { body } = await stack.backend.next(({ properties }) => properties.correlationId === command, {
        describe: "an answer",
        timeoutMs: TIMEOUT_MS,
      });
      return body;
    };
    const failed = await send(30_000_000);
    assert.deepEqual([failed.status, failed.code, failed.retryable], ["FAILED", "media_not_staged", true]);
    assert.equal(
      (await answer(stack, await sendText(stack, LINE, 2, "goes on"), "SENT")).body.status,
      "SENT",
    );
    assert.equal((await send(3_000_000)).status, "SENT");
    const staged = await Array.fromAsync(Deno.readDir(join(disk.path, "sessions", "media", "outgoing")));
    assert.deepEqual(staged, []);
    await worker.stop();
  },
});
