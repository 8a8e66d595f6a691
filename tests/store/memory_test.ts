import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import { recallFrom } from "../../src/store/database_look.ts";
import { Memory } from "../../src/store/memory.ts";

Deno.test("Memory.recall() gives what was remembered last, also after a restart", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  try {
    const database = await Database.open(folder);
    const memory = new Memory(database);
    assert.equal(await memory.recall("wiring"), undefined);
    await memory.remember("wiring", "first");
    await memory.remember("wiring", "second");
    await memory.remember("other", "");
    assert.equal(await memory.recall("wiring"), "second");
    assert.deepEqual(
      recallFrom(folder, ["wiring", "other", "third"]),
      new Map([["wiring", "second"], ["other", ""]]),
    );
    database.close();
    const again = await Database.open(folder);
    assert.equal(await new Memory(again).recall("wiring"), "second");
    assert.equal(await new Memory(again).recall("other"), "");
    again.close();
    assert.deepEqual(recallFrom(folder, ["wiring"]), new Map([["wiring", "second"]]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("recallFrom() remembers nothing where no worker ever ran, and leaves no trace", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  try {
    assert.deepEqual(recallFrom(`${folder}/none`, ["wiring"]), new Map());
    assert.deepEqual(recallFrom(folder, ["wiring"]), new Map());
    await Deno.writeFile(`${folder}/worker.db`, new Uint8Array());
    assert.deepEqual(recallFrom(folder, ["wiring"]), new Map());
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["worker.db"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
