import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { decryptMedia } from "../../../../src/whatsapp/media/cipher.ts";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";
import { Staging } from "../../../../src/whatsapp/media/outgoing/staging.ts";
import { mountSmallDisk, noSmallDisk } from "../../../faults/small_disk.ts";

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < count; piece++) yield new Uint8Array(64 * 1024).fill(piece);
}

const filesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);

async function inTempDir(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("Staging keeps a medium encrypted, for the worker alone, until it is disposed of", async () => {
  await inTempDir(async (folder) => {
    const outgoing = join(folder, "media", "outgoing");
    const staging = new Staging(outgoing);
    {
      await using staged = await staging.stage(pieces(20), "image");
      const file = await Deno.readFile(staged.path);
      assert.equal(file.length, staged.bytes);
      assert.equal((await Deno.stat(outgoing)).mode! & 0o777, 0o700);
      assert.equal((await Deno.stat(staged.path)).mode! & 0o777, 0o600);
      const sealed = async function* () {
        yield file;
      };
      const plain = Buffer.concat(await Array.fromAsync(decryptMedia(sealed(), "image", staged.seal)));
      assert.ok(plain.equals(Buffer.concat(await Array.fromAsync(pieces(20)))));
    }
    assert.deepEqual(await filesIn(outgoing), []);
  });
});

Deno.test("Staging leaves nothing of a medium that breaks off, nor of a worker before", async () => {
  await inTempDir(async (folder) => {
    const staging = new Staging(folder);
    const breaksOff = async function* () {
      yield* pieces(3);
      throw new Error("The host is gone");
    };
    await assert.rejects(staging.stage(breaksOff(), "video"), /The host is gone/);
    assert.deepEqual(await filesIn(folder), []);
    await Deno.writeTextFile(join(folder, "leftover"), "half a medium");
    await staging.clear();
    await staging.clear();
    await using _staged = await staging.stage(pieces(1), "video");
    assert.equal((await filesIn(folder)).length, 1);
  });
});

const skipped = noSmallDisk();
Deno.test({
  name: `Staging says when the disk is full, and takes no room then${
    skipped ? ` (skipped: ${skipped})` : ""
  }`,
  ignore: skipped !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(1);
    const staging = new Staging(join(disk.path, "outgoing"));
    await assert.rejects(staging.stage(pieces(40), "document"), (error) => {
      assert.ok(error instanceof MediaFailure);
      assert.deepEqual([error.code, error.retryable], ["media_not_staged", true]);
      assert.match(error.message, /ENOSPC.*make room on the disk of SESSION_DIR/);
      return true;
    });
    assert.deepEqual(await filesIn(join(disk.path, "outgoing")), []);
    await using _staged = await staging.stage(pieces(5), "document");
  },
});
