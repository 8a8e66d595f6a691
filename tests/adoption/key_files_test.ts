import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { type SignalDataTypeMap, useMultiFileAuthState } from "@whiskeysockets/baileys";
import fc from "fast-check";
import { pino } from "pino";
import { readKeys } from "../../src/adoption/auth_folder.ts";
import type { AuthFolder } from "../../src/adoption/auth_folders.ts";
import { keyNameOf, reviveText } from "../../src/adoption/key_files.ts";
import { Credentials } from "../../src/store/credentials.ts";
import { Database } from "../../src/store/database.ts";
import { loadAuthState } from "../../src/whatsapp/signal/auth_state.ts";
import { durableSignalRepository } from "../../src/whatsapp/signal/signal_repository.ts";
import golden from "./golden_6_6.json" with { type: "json" };

/** A folder with these files. */
async function folderOf(files: Record<string, string>): Promise<AuthFolder & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "adoption-test-" });
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(path, name), text);
  return {
    name: "session_6_+221771234567",
    path,
    numberId: "6",
    phoneNumber: "221771234567",
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** The Signal repository of a number that has the keys of a folder. */
async function repositoryOver(folder: AuthFolder) {
  const database = Database.inMemory();
  const credentials = new Credentials(database);
  const { changes, unreadable } = await readKeys(folder, () => {});
  assert.equal(unreadable, 0);
  await credentials.write("6", changes);
  const auth = await loadAuthState(credentials, "6", (type) => assert.fail(`'${type}' is unreadable`));
  const make = durableSignalRepository(
    auth,
    () => Promise.resolve({ statements: [] }),
    () => assert.fail("something could not be decrypted"),
  );
  const log = pino({ level: "silent" });
  return { auth, repository: make(auth as never, log as never), [Symbol.dispose]: () => database.close() };
}

for (const author of [golden.sender, golden.sender.replace("s.whatsapp.net", "lid")]) {
  Deno.test(`readKeys() makes of a sender key of 6.6 what decrypts the next message of ${author}`, async () => {
    await using folder = await folderOf(golden.files);
    using test = await repositoryOver(folder);
    for (const { ciphertext, plaintext } of golden.later) {
      const decrypted = await test.repository.decryptGroupMessage({
        group: golden.group,
        authorJid: author,
        msg: Buffer.from(ciphertext, "base64"),
      });
      assert.equal(Buffer.from(decrypted).toString(), plaintext);
    }
  });
}

Deno.test("readKeys() keeps the own sender key of 6.6: who has it reads the next message", async () => {
  await using folder = await folderOf(golden.files);
  using test = await repositoryOver(folder);
  const { ciphertext } = await test.repository.encryptGroupMessage({
    group: golden.group,
    meId: golden.own,
    data: Buffer.from("the next one"),
  });
  await using nobody = await folderOf({});
  using member = await repositoryOver(nobody);
  await member.repository.processSenderKeyDistributionMessage({
    item: {
      groupId: golden.group,
      axolotlSenderKeyDistributionMessage: Buffer.from(golden.ownDistribution, "base64"),
    },
    authorJid: golden.own,
  });
  const read = await member.repository.decryptGroupMessage({
    group: golden.group,
    authorJid: golden.own,
    msg: Buffer.from(ciphertext),
  });
  assert.equal(Buffer.from(read).toString(), "the next one");
});

Deno.test("readKeys() has who holds the own sender key forgotten, where LIDs and numbers were alike", async () => {
  await using folder = await folderOf(golden.files);
  using test = await repositoryOver(folder);
  assert.deepEqual(await test.auth.keys.get("sender-key-memory", [golden.group]), {});
});

Deno.test("readKeys() reads the other keys of 6.6", async () => {
  await using folder = await folderOf(golden.files);
  using test = await repositoryOver(folder);
  const { "AAAA/+8=": syncKey } = await test.auth.keys.get("app-state-sync-key", ["AAAA/+8="]);
  assert.deepEqual(Buffer.from(syncKey!.keyData!), Buffer.alloc(32, 7));
  assert.equal(Number(syncKey!.timestamp), 1733396400);
  const { critical_block: version } = await test.auth.keys.get("app-state-sync-version", ["critical_block"]);
  assert.deepEqual(version, {
    version: 2,
    hash: Buffer.alloc(128, 3),
    indexValueMap: { "aGk=": { valueMac: Buffer.alloc(32, 4) } },
  });
  assert.equal((await test.auth.keys.get("pre-key", ["7"]))["7"]?.private.length, 32);
});

/** One id of every type, with what file names cannot hold. */
const IDS: { readonly [T in keyof SignalDataTypeMap]: readonly string[] } = {
  "pre-key": ["1", "812"],
  "session": ["221779999999.0", "138314830412603_1.12", "221779999999_128.99"],
  "sender-key": [
    "120363000000000001@g.us::221779999999::0",
    "221770000001-1600000000@g.us::138314830412603_1::12",
    "status@broadcast::221779999999::0",
  ],
  "sender-key-memory": ["120363000000000001@g.us", "221770000001-1600000000@g.us", "status@broadcast"],
  "app-state-sync-key": ["AAAA/+8=", "////", "AAAAAGFh"],
  "app-state-sync-version": ["critical_block", "regular_high"],
  "lid-mapping": ["221779999999", "138314830412603_reverse"],
  "device-list": ["221779999999"],
  "tctoken": ["138314830412603@lid", "221779999999@s.whatsapp.net", "__index"],
  "identity-key": ["138314830412603_1.0", "221779999999.12"],
};
const TYPES = Object.keys(IDS) as (keyof SignalDataTypeMap)[];

Deno.test("keyNameOf() finds the key again in the name that useMultiFileAuthState() gives its file", async () => {
  await using folder = await folderOf({});
  const { state } = await useMultiFileAuthState(folder.path);
  for (const type of TYPES) {
    for (const id of IDS[type]) {
      await state.keys.set({ [type]: { [id]: { any: "thing" } } });
      const [file] = [...Deno.readDirSync(folder.path)].map(({ name }) => name) as [string];
      assert.deepEqual(keyNameOf(file), { type, id }, file);
      await Deno.remove(join(folder.path, file));
    }
  }
});

Deno.test("keyNameOf() finds any base64 id of an app state key again", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
    const id = Buffer.from(bytes).toString("base64");
    const file = `app-state-sync-key-${id.replaceAll("/", "__")}.json`;
    assert.deepEqual(keyNameOf(file), { type: "app-state-sync-key", id });
  }));
});

Deno.test("keyNameOf() takes no other file for a key's", () => {
  const others = [
    "creds.json",
    "pre-key-x.json",
    "pre-key-.json",
    "session-1.0",
    "session-.json",
    "notes.txt",
  ];
  for (const file of [...others, "sender-key-x.json", "pre-key-1.json.bak", ".json", "contacts-1.json"]) {
    assert.equal(keyNameOf(file), undefined, file);
  }
});

Deno.test("reviveText() reads bytes in every form they were written in", () => {
  const forms = [
    '{"type":"Buffer","data":"AQID"}',
    '{"type":"Buffer","data":[1,2,3]}',
    '{"buffer":true,"data":"AQID"}',
    '{"buffer":true,"value":[1,2,3]}',
    '{"0":1,"1":2,"2":3}',
  ];
  for (const text of forms) assert.deepEqual(reviveText(text), Buffer.from([1, 2, 3]), text);
});
