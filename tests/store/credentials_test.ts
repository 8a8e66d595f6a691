import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { Credentials } from "../../src/store/credentials.ts";
import { Database } from "../../src/store/database.ts";
import { Messages } from "../../src/store/messages.ts";

const KEPT = 2048;

/** Credentials in memory, and how many plaintexts they hold. */
function setUp() {
  const database = Database.inMemory();
  const credentials = new Credentials(database);
  return {
    credentials,
    database,
    remember: (numberId: string, name: string, plaintext: Uint8Array = Buffer.from(name)) =>
      credentials.write(numberId, [], credentials.remembering(numberId, Buffer.from(name), plaintext)),
    plaintextOf: async (numberId: string, name: string) => {
      const plaintext = await credentials.plaintextOf(numberId, Buffer.from(name));
      return plaintext && Buffer.from(plaintext).toString();
    },
    count: async () => Number((await database.selectOne("SELECT count(*) AS n FROM plaintext"))?.n),
    forget: (numberId: string) => credentials.write(numberId, [], credentials.forgetting(numberId)),
    [Symbol.dispose]: () => database.close(),
  };
}

Deno.test("remembering() keeps the newest plaintexts of each number, and no more", async () => {
  using test = setUp();
  await test.remember("7", "of another number");
  for (let index = 0; index <= KEPT; index++) await test.remember("6", `text ${index}`);
  assert.equal(await test.count(), KEPT + 1);
  assert.equal(await test.plaintextOf("6", "text 0"), undefined);
  assert.equal(await test.plaintextOf("6", "text 1"), "text 1");
  assert.equal(await test.plaintextOf("6", `text ${KEPT}`), `text ${KEPT}`);
  assert.equal(await test.plaintextOf("7", "of another number"), "of another number");
  assert.equal(await test.plaintextOf("7", "text 1"), undefined);
});

Deno.test("remembering() passes over what is too long to keep", async () => {
  using test = setUp();
  await test.remember("6", "short", new Uint8Array(64 * 1024));
  await test.remember("6", "long", new Uint8Array(64 * 1024 + 1));
  assert.equal(await test.count(), 1);
});

Deno.test("forgetting() leaves nothing of a number's device, and all of the others", async () => {
  using test = setUp();
  const messages = new Messages(test.database, Date.now);
  const message = { whatsappId: "3A01", chat: "1@lid", fromMe: false, content: new Uint8Array(1) };
  for (const numberId of ["6", "7"]) {
    await test.remember(numberId, "text");
    await test.credentials.write(numberId, [{ type: "session", id: "a", value: "{}" }]);
    await test.credentials.write(numberId, [], messages.keeping({ ...message, numberId }));
  }
  await test.forget("6");
  assert.equal(await test.plaintextOf("6", "text"), undefined);
  assert.equal((await test.credentials.read("6", "session", ["a"])).size, 0);
  assert.deepEqual(await messages.find("6", "3A01"), []);
  assert.equal((await messages.find("7", "3A01")).length, 1);
  assert.equal(await test.plaintextOf("7", "text"), "text");
  assert.equal((await test.credentials.read("7", "session", ["a"])).size, 1);
});
