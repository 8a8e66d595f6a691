/** What root finds out about the user of the service. Needs root, who alone gives files away. */
import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { EMBEDDED_UNIT } from "../../src/preflight/service.ts";
import { Database } from "../../src/store/database.ts";
import { Installation, resultOf, troubleIn } from "./installation.ts";
import { Machine } from "./machine.ts";

const SERVICE = 4002, ALICE = 4001;
const isRoot = Deno.uid() === 0;
if (!isRoot) console.log("access_test: skipped, only root can give files to other users");

/** An installation with a service that runs as user whatsapp-worker, who owns the state folder. */
async function installed() {
  const machine = await Machine.make();
  const installation = await Installation.make();
  // What a unit names is below the root.
  const envFile = relative(machine.root, installation.envFile);
  await machine.installUnit(EMBEDDED_UNIT.replaceAll("/etc/whatsapp-worker/worker.env", envFile));
  await Deno.chmod(installation.folder, 0o755);
  await Deno.chmod(installation.envFile, 0o640);
  await Deno.chown(installation.envFile, 0, SERVICE);
  const { sessionDir } = installation;
  (await Database.open(sessionDir)).close();
  await give(sessionDir, SERVICE);
  return {
    installation,
    sessionDir,
    envFile: installation.envFile,
    check: (options: { envFile?: string } = {}) =>
      installation.check({ root: machine.root, only: "configuration,state", ...options }),
    async [Symbol.asyncDispose]() {
      await installation[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    },
  };
}

async function give(folder: string, uid: number): Promise<void> {
  for (const { name } of Deno.readDirSync(folder)) await Deno.chown(join(folder, name), uid, uid);
  await Deno.chown(folder, uid, uid);
}

/** Every file with its owner. */
const owners = (folder: string) =>
  [...Deno.readDirSync(folder)].map(({ name }) => `${name} ${Deno.statSync(join(folder, name)).uid}`).sort();

function asRoot(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !isRoot, fn });
}

asRoot("checkAll() is content as root with what install.sh makes, and leaves no file of root's", async () => {
  await using test = await installed();
  const before = owners(test.sessionDir);
  const report = await test.check();
  assert.equal(report.status, "ok", JSON.stringify(report.checks));
  assert.equal(
    resultOf(report, "configuration.file").findings[0]?.found,
    "mode 0640, of root:whatsapp-worker, readable for 'whatsapp-worker', the user of the service",
  );
  assert.match(
    resultOf(report, "state.folder").findings[0]?.found ?? "",
    /writable by user 'whatsapp-worker' \(asked as root\), mode 700$/,
  );
  assert.deepEqual(owners(test.sessionDir), before);
});

asRoot("checkAll() reads a database in use as root, and leaves its log to its owner", async () => {
  await using test = await installed();
  const database = await Database.open(test.sessionDir);
  try {
    await give(test.sessionDir, SERVICE);
    const before = owners(test.sessionDir);
    assert.equal((await test.check()).status, "ok");
    assert.deepEqual(owners(test.sessionDir), before);
  } finally {
    database.close();
  }
});

asRoot(
  "checkAll() does not say 'writable' as root where the user of the service could not write",
  async () => {
    await using test = await installed();
    await give(test.sessionDir, 0);
    const roots = troubleIn(await test.check(), "state.folder");
    assert.deepEqual([roots.status, roots.code], ["failure", "not_writable"]);
    assert.match(roots.remedy ?? "", /^chown -R whatsapp-worker /);

    await give(test.sessionDir, SERVICE);
    await Deno.chown(join(test.sessionDir, "worker.db"), 0, 0);
    const report = await test.check();
    const left = troubleIn(report, "state.folder");
    assert.equal(left.code, "foreign_files");
    assert.match(left.found, /^worker\.db in .* is not of user 'whatsapp-worker'/);
    assert.equal(report.exitCode, 73);

    await give(test.sessionDir, SERVICE);
    await Deno.chmod(test.installation.folder, 0o700);
    const outside = troubleIn(await test.check(), "state.folder");
    assert.match(outside.found, new RegExp(`'${test.installation.folder}' does not let it$`));
  },
);

asRoot(
  "checkAll() warns as root of a folder that another user owns, and trusts its owner without a service",
  async () => {
    await using test = await installed();
    await Deno.chown(test.sessionDir, ALICE, SERVICE);
    await Deno.chmod(test.sessionDir, 0o770);
    const findings = resultOf(await test.check(), "state.folder").findings;
    assert.deepEqual(findings.map(({ code }) => code), ["ok", "open_to_others", "other_owner"]);

    await Deno.chmod(test.sessionDir, 0o700);
    await give(test.sessionDir, ALICE);
    const report = await test.installation.check({ only: "state.folder" });
    assert.match(
      resultOf(report, "state.folder").findings[0]?.found ?? "",
      /writable by user '\d+' \(asked as root\)/,
    );
  },
);

asRoot("checkAll() knows as root whether the service could make its folder", async () => {
  await using test = await installed();
  await test.installation.set({ SESSION_DIR: "/var/lib/whatsapp-worker" });
  const byUnit = resultOf(await test.check(), "state.folder").findings[0];
  if (!existsSync("/var/lib/whatsapp-worker")) {
    assert.match(byUnit?.found ?? "", /by systemd as the service starts$/);
  }
  await test.installation.set({ SESSION_DIR: join(test.installation.folder, "elsewhere") });
  const elsewhere = troubleIn(await test.check(), "state.folder");
  assert.deepEqual([elsewhere.code, elsewhere.status], ["not_writable", "failure"]);
  assert.match(elsewhere.remedy ?? "", /^install -d -m 700 -o whatsapp-worker /);
});

asRoot("checkAll() does not mind the service where it looks at another configuration", async () => {
  await using test = await installed();
  const other = `${test.envFile}.other`;
  await Deno.copyFile(test.envFile, other);
  await Deno.chmod(other, 0o600);
  const report = await test.check({ envFile: other });
  assert.match(resultOf(report, "configuration.file").findings[0]?.found ?? "", /^mode 0600, of root:root$/);
});

asRoot("checkAll() finds a configuration that the service cannot read, or others can change", async () => {
  await using test = await installed();
  await Deno.chown(test.envFile, 0, 0);
  const unreadable = await test.check();
  const { code, remedy } = troubleIn(unreadable, "configuration.file");
  assert.equal(code, "unreadable_for_service");
  assert.equal(remedy, `chown root:whatsapp-worker '${test.envFile}'; chmod 640 '${test.envFile}'`);
  assert.equal(unreadable.exitCode, 78);

  await Deno.chown(test.envFile, 0, SERVICE);
  await Deno.chmod(test.envFile, 0o660);
  const writable = troubleIn(await test.check(), "configuration.file");
  assert.deepEqual([writable.status, writable.code], ["warning", "writable_for_others"]);
  assert.match(writable.found, /by group 'whatsapp-worker' \(mode 0660\)/);

  await Deno.chmod(test.envFile, 0o640);
  await Deno.chown(test.envFile, ALICE, SERVICE);
  const alices = troubleIn(await test.check(), "configuration.file");
  assert.equal(alices.code, "other_owner");
  assert.match(alices.found, /'alice'/);
});

Deno.test({
  name: "checkAll() needs no file where the environment has everything",
  ignore: existsSync("./.env"),
  fn: async () => {
    await using installation = await Installation.make();
    const lines = (await Deno.readTextFile(installation.envFile)).trim().split("\n");
    const environment = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
    const report = await installation.check({ envFile: undefined, environment, only: "configuration" });
    assert.equal(report.status, "ok");
    assert.match(
      resultOf(report, "configuration.file").findings[0]?.found ?? "",
      /every setting is in the environment/,
    );
  },
});
