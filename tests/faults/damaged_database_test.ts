import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { findSetAside } from "../../src/store/damage.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, event, FRIEND, LINE, sendText } from "../sessions/steps.ts";

const broker = await sharedBroker();

/** Overwrites everything but the first page. */
async function overwritePages(path: string): Promise<void> {
  const { size } = await Deno.stat(path);
  using file = await Deno.open(path, { write: true });
  await file.seek(4096, Deno.SeekMode.Start);
  await file.write(new Uint8Array(size - 4096).fill(0xff));
}

/** Has every process read the database anew, as it is in the file. */
function forgetCaches(path: string): void {
  const sqlite = new DatabaseSync(path);
  sqlite.exec("INSERT OR REPLACE INTO setting VALUES ('test', 'x'); PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite.close();
}

async function ended(stack: Stack): Promise<{ code: number; output: string }> {
  const program = stack.startProgram();
  const { code } = await program.process.status;
  await program.printed("state_corrupt");
  return { code, output: program.output() };
}

Deno.test("A worker whose database is damaged under it ends with 73, and never starts over by itself", async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  stack.standIn.contact(FRIEND);
  const folder = stack.environment.SESSION_DIR!;
  const path = join(folder, "worker.db");
  const program = stack.startProgram();
  await program.printed("the worker is ready", 60_000);
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "before"), "DELIVERED");
  const backup = join(stack.folder, "backup.db");
  const sqlite = new DatabaseSync(path);
  sqlite.exec(`VACUUM INTO '${backup}'`);
  sqlite.close();

  forgetCaches(path);
  await overwritePages(path);
  const send = await sendText(stack, LINE, 2, "while damaged");
  const { code } = await program.process.status;
  assert.equal(code, 73, program.output());
  assert.match(program.output(), /state_corrupt/);
  assert.doesNotMatch(program.output(), /\n {4}at /, "no stack");

  for (let start = 0; start < 2; start++) {
    const { code, output } = await ended(stack);
    assert.equal(code, 73, output);
    const [place] = findSetAside(folder);
    assert.ok(place !== undefined && output.includes(join(folder, place)), output);
    assert.ok(output.includes(`install -m 600 BACKUP '${path}'`), output);
  }

  // What it says is done: the backup is restored.
  await Deno.copyFile(backup, path);
  await stack.startProgram().printed("the worker is ready", 60_000);
  await event(stack, LINE, "connected");
  await answer(stack, send, "DELIVERED");
  assert.deepEqual(stack.standIn.contact(FRIEND).inbox.map(({ text }) => text), ["before", "while damaged"]);
});
