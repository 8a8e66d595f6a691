/** `worker session list`, `show` and `delete`: what the disk knows of a number, and how it is forgotten. */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { initAuthCreds, type SignalDataSet } from "@whiskeysockets/baileys";
import fc from "fast-check";
import { dispatch } from "../../src/cli/dispatch.ts";
import { OPTIONS, type Options } from "../../src/cli/options.ts";
import { deleteSession } from "../../src/cli/session_delete.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { loadConfig } from "../../src/config/load.ts";
import { EXIT } from "../../src/exit_codes.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore, type Store } from "../../src/store/store.ts";
import { loadAuthState } from "../../src/whatsapp/signal/auth_state.ts";
import { serialise } from "../../src/whatsapp/signal/stored_keys.ts";
import { Installation } from "../preflight/installation.ts";

const PHONE = "221771234567";

/** An installation with a linked number 6, a number 7 nobody has linked, and a number 8 whose credentials are damaged. */
async function settled(): Promise<Installation & { readonly secrets: readonly string[] }> {
  const installation = await Installation.make();
  const secrets = await withStore(installation, async (store) => {
    for (const [numberId, atStart] of [["6", "open"], ["7", "closed"], ["8", "open"]] as const) {
      await store.sessions.save({ numberId, numberIdJson: numberId, phoneNumber: PHONE, atStart });
    }
    const auth = await loadAuthState(store.credentials, "6");
    Object.assign(auth.creds, {
      account: {},
      me: { id: `${PHONE}:3@s.whatsapp.net`, lid: "1234567890123:3@lid" },
    });
    await auth.save();
    const pair = initAuthCreds().noiseKey;
    await auth.keys.set({ "pre-key": { "1": pair, "2": pair } } as SignalDataSet);
    await store.credentials.write("6", [{ type: "session", id: "1.0", value: "{damaged" }]);
    await auth.keys.get("session", ["1.0"]);
    await store.credentials.write("8", [{
      type: "creds",
      id: "creds",
      value: '{"noiseKey":"a-damaged-secret',
    }]);
    await store.credentials.write(
      "6",
      [],
      store.credentials.remembering("6", Buffer.from("h"), Buffer.from("a-text")),
    );
    await store.commit(store.outbox.adding({
      queue: "q",
      messageId: "m",
      type: "t",
      body: '{"action":"connected","numberId":6}',
    }));
    return [...serialise([auth.creds, pair]).matchAll(/[A-Za-z0-9+/]{30,}/g)].map(([secret]) => secret);
  });
  return Object.assign(installation, { secrets: [...secrets, "a-damaged-secret", "a-text"] });
}

async function withStore<T>({ sessionDir }: Installation, work: (store: Store) => Promise<T>): Promise<T> {
  const database = await Database.open(sessionDir);
  try {
    return await work(makeStore(database, () => Date.UTC(2026, 10, 23, 8)));
  } finally {
    database.close();
  }
}

/** What is stored of a number. */
function stored({ sessionDir }: Installation, numberId: string) {
  using database = new DatabaseSync(join(sessionDir, "worker.db"), { readOnly: true });
  const count = (table: string) =>
    Number(database.prepare(`SELECT count(*) AS n FROM ${table} WHERE number_id = ?`).get(numberId)?.n);
  return {
    atStart: database.prepare("SELECT at_start FROM session WHERE number_id = ?").get(numberId)?.at_start,
    rows: count("credential") + count("credential_set_aside") + count("plaintext"),
  };
}

Deno.test("worker session list shows every number without its phone number and without a secret", async () => {
  await using installation = await settled();
  const { code, stdout } = await installation.run(["session", "list"]);
  assert.equal(code, 0);
  assert.deepEqual(stdout.split("\n"), [
    "NUMBER  PHONE          DEVICE      AT START  KEYS  SET ASIDE  SINCE",
    "6       +221*******67  linked      open         2          1  2026-11-23 08:00:00Z",
    "7       +221*******67  none        closed       0          0  2026-11-23 08:00:00Z",
    "8       +221*******67  unreadable  open         0          0  2026-11-23 08:00:00Z",
    "",
  ]);
  const json = await installation.run(["session", "list", "--json"]);
  assert.deepEqual(JSON.parse(json.stdout).sessions[0], {
    numberId: "6",
    phoneNumber: "+221*******67",
    device: "linked",
    atStart: "open",
    keys: 2,
    setAside: 1,
    createdAtMs: Date.UTC(2026, 10, 23, 8),
  });
  assertNoSecret(stdout + json.stdout, installation.secrets);
});

Deno.test("worker session show tells everything of one number but its secrets", async () => {
  await using installation = await settled();
  const { code, stdout } = await installation.run(["session", "show", "006"]);
  assert.equal(code, 0);
  for (
    const line of [
      /^Number 6$/m,
      /phone asked for +\+221771234567$/m,
      /JID +221771234567:3@s\.whatsapp\.net$/m,
      /LID +1234567890123:3@lid$/m,
      /the next start +opens it$/m,
      /keys +pre-key 2$/m,
      /set aside +session 1$/m,
      /plaintexts kept +1$/m,
      /events waiting +1$/m,
    ]
  ) assert.match(stdout, line);
  const json = JSON.parse((await installation.run(["session", "show", "6", "--json"])).stdout);
  assert.deepEqual([json.phoneNumber, json.device, json.keys, json.setAside, json.outbox], [
    `+${PHONE}`,
    "linked",
    { "pre-key": 2 },
    { session: 1 },
    1,
  ]);
  const damaged = await installation.run(["session", "show", "8"]);
  assert.match(damaged.stdout, /its credentials cannot be read; they are kept until/);
  assertNoSecret(stdout + damaged.stdout + JSON.stringify(json), installation.secrets);
});

Deno.test("worker session list and show read beside a worker, and delete leaves it alone", async () => {
  await using installation = await settled();
  const database = await Database.open(installation.sessionDir);
  try {
    assert.equal((await installation.run(["session", "list"])).code, 0);
    assert.equal((await installation.run(["session", "show", "6"])).code, 0);
    const { code, stderr } = await installation.run(["session", "delete", "6", "--yes"]);
    assert.equal(code, 75);
    assert.match(stderr, /A worker runs on .*\n→ Send the action 'logout'/);
  } finally {
    database.close();
  }
  assert.deepEqual(stored(installation, "6"), { atStart: "open", rows: 5 });
});

Deno.test("worker session delete forgets a number, and nothing of the others", async () => {
  await using installation = await settled();
  const { code, stdout, stderr } = await installation.run(["session", "delete", "6", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Number 6 is forgotten here[^]*The phone still lists the device/);
  assert.deepEqual(stored(installation, "6"), { atStart: "forget", rows: 0 });
  assert.deepEqual(stored(installation, "8"), { atStart: "open", rows: 1 });
  await withStore(installation, async ({ outbox }) => {
    const rows = await outbox.next({ rows: 10, bytes: 1e6 }, []);
    const { action, numberId, reason, workerId } = JSON.parse(rows.at(-1)!.body);
    assert.deepEqual([action, numberId, reason, workerId], ["logged_out", 6, "deleted", "worker-1"]);
    assert.equal(rows.at(-1)!.queue, "whatsapp.session.update");
  });
  const again = await installation.run(["session", "delete", "6", "--yes", "--json"]);
  assert.deepEqual([again.code, JSON.parse(again.stdout)], [0, {
    numberId: "6",
    deleted: true,
    device: "none",
  }]);
  await withStore(installation, async ({ outbox }) => assert.equal((await outbox.depth()).depth, 2));

  const damaged = await installation.run(["session", "delete", "8", "--yes"]);
  assert.equal(damaged.code, 0);
  assert.deepEqual(stored(installation, "8"), { atStart: "forget", rows: 0 });
});

Deno.test("worker session says what is wrong with what it was told", async () => {
  await using installation = await settled();
  const cases: [string[], number, RegExp][] = [
    [["show", "9"], 66, /Number 9 has no session in .*\n→ 'worker session list'/],
    [["delete", "9", "--yes"], 66, /Number 9 has no session/],
    [["show", "+221771234567"], 64, /is no number\n→ Write the backend's numberId/],
    [["show"], 64, /needs to be told which/],
    [["list", "6"], 64, /takes no "6"/],
    [["delete", "6"], 64, /asks before it does anything.*\n→ Add --yes/],
    [["delete", "6", "--all", "--yes"], 64, /'--all' does not go with/],
    [["lst"], 64, /Did you mean 'list'/],
  ];
  for (const [words, wanted, message] of cases) {
    const { code, stderr } = await installation.run(["session", ...words]);
    assert.equal(code, wanted, words.join(" "));
    assert.match(stderr, message);
  }
  assert.deepEqual(stored(installation, "6"), { atStart: "open", rows: 5 });
});

Deno.test("worker session finds nothing where no worker ever ran, and leaves no trace there", async () => {
  await using installation = await Installation.make();
  const before = await installation.files();
  const { code, stdout } = await installation.run(["session", "list"]);
  assert.deepEqual([code, stdout.startsWith("No sessions in")], [0, true]);
  assert.deepEqual(JSON.parse((await installation.run(["session", "list", "--json"])).stdout), {
    sessions: [],
  });
  assert.equal((await installation.run(["session", "show", "6"])).code, 66);
  assert.equal((await installation.run(["session", "delete", "6", "--yes"])).code, 66);
  assert.deepEqual(await installation.files(), before);
});

Deno.test("worker session reads the database of an older worker, and words what it cannot read", async () => {
  await using installation = await settled();
  const file = join(installation.sessionDir, "worker.db");
  {
    using database = new DatabaseSync(file);
    database.exec("DROP TABLE credential_set_aside; DROP TABLE plaintext; PRAGMA user_version = 2");
  }
  const old = await installation.run(["session", "show", "6"]);
  assert.equal(old.code, 0, old.stderr);
  assert.match(old.stdout, /set aside +none/);
  await Deno.writeTextFile(file, "no database at all, but long enough to be looked at ".repeat(100));
  const damaged = await installation.run(["session", "list"]);
  assert.equal(damaged.code, 73);
  assert.match(
    damaged.stderr,
    /Cannot read the database in .*not a database\n→ Run this as the worker's user/,
  );
});

Deno.test("worker session delete asks on a terminal, and takes no for an answer", async () => {
  await using installation = await settled();
  const { settings } = await loadConfig({ envFile: installation.envFile, environment: {} });
  const asked: string[] = [], told: string[] = [];
  const terminal = (answer: boolean): Terminal => ({
    print: (text) => void told.push(text),
    tell: (line) => void told.push(line),
    confirm: (question) => {
      asked.push(question);
      return answer;
    },
    progress: () => {},
    endProgress: () => {},
  });
  const answered = (answer: boolean) =>
    deleteSession.run({ settings, operands: ["6"], options: {}, terminal: terminal(answer) });
  assert.equal(await answered(false), 0);
  assert.deepEqual(told, ["Nothing was changed"]);
  assert.match(asked[0]!, /^Number 6, \+221\*{7}67:\n {2}its credentials will be gone for good/);
  assert.deepEqual(stored(installation, "6"), { atStart: "open", rows: 5 });
  await answered(true);
  assert.deepEqual(stored(installation, "6"), { atStart: "forget", rows: 0 });
});

Deno.test("worker session stands any words and options, and deletes only what it is told to", async () => {
  await using installation = await settled();
  const { log, error } = console;
  let printed = "";
  console.log = console.error = (text: string) => void (printed += `${text}\n`);
  const word = fc.oneof(
    fc.constantFrom("list", "show", "delete", "unpin", "6", "7", "006", "-1", "6.0", "__proto__", ""),
    fc.string({ unit: "binary", maxLength: 12 }),
  );
  const option = fc.constantFrom(
    ...Object.keys(OPTIONS).filter((name) => !["env-file", "yes"].includes(name)),
  );
  const value = fc.oneof(fc.constant(true), fc.string({ unit: "binary", maxLength: 8 }));
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 4 }),
        fc.dictionary(option, value, { maxKeys: 2, noNullPrototype: true }),
        async (words, options) => {
          printed = "";
          const given = { ...options, "env-file": installation.envFile } as Options;
          const code = await dispatch(["session", ...words], given);
          assert(Object.values<number>(EXIT).includes(code), `exit code ${code}`);
          assert.notEqual(code, EXIT.SOFTWARE);
          assert(!/[\p{C}\p{Zl}\p{Zp}]/u.test(printed.replace(/\n/g, "")), JSON.stringify(printed));
          assertNoSecret(printed, installation.secrets);
        },
      ),
      { numRuns: 300 },
    );
  } finally {
    Object.assign(console, { log, error });
  }
  assert.deepEqual(stored(installation, "6"), { atStart: "open", rows: 5 });
});

function assertNoSecret(text: string, secrets: readonly string[]): void {
  assert(secrets.length > 10);
  for (const secret of secrets) assert(!text.includes(secret.slice(0, 12)), `${text} tells ${secret}`);
}
