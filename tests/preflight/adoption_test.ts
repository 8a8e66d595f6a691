import { strict as assert } from "node:assert";
import { join } from "node:path";
import { findAuthFolders } from "../../src/adoption/auth_folders.ts";
import { judge } from "../../src/preflight/checks/state_adoption.ts";
import { StateFolder } from "../adoption/folders.ts";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";

/** Long enough ago that nobody can be said to be writing there. */
const LONG_AGO = new Date(Date.now() - 3_600_000);

/** An installation with folders of an older worker. */
async function migrating(): Promise<{ installation: Installation; state: StateFolder } & AsyncDisposable> {
  const installation = await Installation.make();
  await Deno.mkdir(installation.sessionDir, { mode: 0o700 });
  const state = await StateFolder.make(installation.sessionDir);
  return { installation, state, [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose]() };
}

async function age({ sessionDir }: Installation): Promise<void> {
  for (const { name, isDirectory } of Deno.readDirSync(sessionDir)) {
    if (isDirectory) await Deno.utime(join(sessionDir, name), LONG_AGO, LONG_AGO);
  }
}

Deno.test("checkAll() finds nothing to adopt where no older worker ran", async () => {
  await using test = await migrating();
  const { findings } = resultOf(await test.installation.check(), "state.adoption");
  assert.deepEqual(findings.map(({ found }) => found), ["no folders of an older worker"]);
});

Deno.test("checkAll() tells which sessions of an older worker will be adopted, and changes nothing", async () => {
  await using test = await migrating();
  const { installation, state } = test;
  await state.oldSession("session_5_+221771234565");
  await state.adopt();
  await state.oldSession("session_5_+221771234565");
  await state.oldSession("session_6_+221771234567");
  await state.oldSession("session_12_+221771234568");
  await state.oldSession("session_7_+221771234569", { linked: false });
  await age(installation);
  const before = await installation.files();
  const report = await installation.check();
  const [finding] = resultOf(report, "state.adoption").findings;
  assert.deepEqual(finding?.facts, { adopted: ["6", "12"], taken: ["5"], unlinked: ["7"] });
  assert.match(
    finding.found,
    /^the next start adopts 2 of an older worker: number 6, 12; kept aside, .*number 5; left, .*number 7$/,
  );
  assert.equal(statuses(report)["state.adoption"], "ok");
  assert.deepEqual(await installation.files(), before);
});

Deno.test("checkAll() warns of an older worker that seems to run still", async () => {
  await using test = await migrating();
  await test.state.oldSession();
  const trouble = troubleIn(await test.installation.check(), "state.adoption");
  assert.equal(trouble.code, "older_worker_running");
  assert.match(trouble.remedy!, /^Stop it before this one starts/);
});

Deno.test("checkAll() warns of folders that cannot be adopted", async () => {
  await using test = await migrating();
  await test.state.oldSession();
  await Deno.truncate(join(test.installation.sessionDir, "session_6_+221771234567", "creds.json"), 100);
  await age(test.installation);
  const unreadable = troubleIn(await test.installation.check(), "state.adoption");
  assert.deepEqual([unreadable.code, unreadable.subject], ["older_session_unreadable", "number 6"]);
  await Deno.remove(join(test.installation.sessionDir, "session_6_+221771234567"), { recursive: true });

  await test.state.oldSession("session_6_2533b0aa");
  assert.equal(troubleIn(await test.installation.check(), "state.adoption").code, "older_session_unnamed");
});

Deno.test("judge() leaves out what a worker that starts at this moment has moved", async () => {
  await using test = await migrating();
  const { installation: { sessionDir }, state } = test;
  await state.oldSession("session_6_+221771234567");
  await state.oldSession("session_7_+221771234569", { linked: false });
  const { folders } = await findAuthFolders(sessionDir);
  await state.adopt();
  const [finding, ...others] = await judge(sessionDir, folders.slice(0, 1));
  assert.deepEqual([finding?.found, others], ["no folders of an older worker", []]);
  const [left] = await judge(sessionDir, folders);
  assert.deepEqual(left?.facts, { adopted: [], taken: [], unlinked: ["7"] });
});

Deno.test("The program checks folders of an older worker with the permissions it is started with", async () => {
  await using test = await migrating();
  await test.state.oldSession();
  await age(test.installation);
  const { stdout } = await test.installation.run(["--check", "--json"]);
  const { findings } = JSON.parse(stdout).checks.find(({ id }: { id: string }) => id === "state.adoption");
  assert.deepEqual(findings[0].facts.adopted, ["6"]);
});
