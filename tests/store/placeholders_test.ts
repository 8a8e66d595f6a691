import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";

const placeholder = (index: number, numberId = "6") => ({
  numberId,
  chat: "221779999999@s.whatsapp.net",
  whatsappId: `3A${index}`,
  fromMe: false,
  participant: undefined,
  sentAtMs: index,
  attempts: 0,
});

Deno.test("note() keeps the latest 1,000 of each number, and says how many had to go", async () => {
  const store = makeStore(Database.inMemory(), Date.now);
  await store.placeholders.note(placeholder(0, "7"));
  for (let index = 0; index < 1_000; index++) {
    assert.equal(await store.placeholders.note(placeholder(index)), 0);
  }
  assert.equal(await store.placeholders.note(placeholder(1_000)), 1);
  const kept = await store.placeholders.of("6");
  assert.deepEqual([kept.length, kept[0]], [1_000, placeholder(1)]);
  assert.deepEqual(await store.placeholders.of("7"), [placeholder(0, "7")]);
  store.close();
});

Deno.test("asking() counts, whatever is announced again, and says when it is not missed any more", async () => {
  const store = makeStore(Database.inMemory(), Date.now);
  const { placeholders } = store;
  await placeholders.note(placeholder(1));
  assert.equal(await placeholders.asking(placeholder(1)), true);
  await placeholders.note(placeholder(1));
  assert.deepEqual(await placeholders.of("6"), [{ ...placeholder(1), attempts: 1 }]);
  await store.commit(placeholders.forgetting(placeholder(1)));
  assert.equal(await placeholders.asking(placeholder(1)), false);
  assert.deepEqual(await placeholders.of("6"), []);
  store.close();
});
