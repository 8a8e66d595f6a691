import assert from "node:assert/strict";
import { ensurePrograms, withoutServiceStarts } from "./debian.ts";

/** A policy script's place in a folder of its own. */
function policyFolder() {
  const folder = Deno.makeTempDirSync();
  return {
    policy: `${folder}/policy-rc.d`,
    aside: `${folder}/policy-rc.d.aside`,
    names: () => [...Deno.readDirSync(folder)].map(({ name }) => name),
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

async function exitCode(program: string): Promise<number> {
  return (await new Deno.Command(program, { args: ["rabbitmq-server", "start"] }).output()).code;
}

Deno.test("ensurePrograms() is silent when all are there, also where only root looks", async () => {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  assert.equal(
    await ensurePrograms({ sh: "dash", "update-rc.d": "init-system-helpers" }, { log }),
    undefined,
  );
  assert.deepEqual(lines, []);
});

Deno.test("withoutServiceStarts() forbids starts meanwhile and leaves no policy where there was none", async () => {
  using paths = policyFolder();
  await withoutServiceStarts(async () => assert.equal(await exitCode(paths.policy), 101), paths);
  assert.deepEqual(paths.names(), []);
});

Deno.test("withoutServiceStarts() lets one install after the other, each under the policy to its end", async () => {
  using paths = policyFolder();
  const installing = Promise.withResolvers<void>();
  const first = withoutServiceStarts(async () => {
    installing.resolve();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await exitCode(paths.policy), 101);
  }, paths);
  await installing.promise;
  await withoutServiceStarts(async () => assert.equal(await exitCode(paths.policy), 101), paths);
  await first;
  assert.deepEqual(paths.names(), []);
});

Deno.test("withoutServiceStarts() puts an existing policy back, its mode too, also after a failure", async () => {
  using paths = policyFolder();
  Deno.writeTextFileSync(paths.policy, "#!/bin/sh\nexit 104\n", { mode: 0o700 });
  const failing = withoutServiceStarts(async () => {
    assert.equal(await exitCode(paths.policy), 101);
    throw new Error("no network");
  }, paths);
  await assert.rejects(failing, /no network/);
  assert.deepEqual(paths.names(), ["policy-rc.d"]);
  assert.equal(await exitCode(paths.policy), 104);
  assert.equal((Deno.statSync(paths.policy).mode ?? 0) & 0o777, 0o700);
});

Deno.test("withoutServiceStarts() puts back what a killed run had put aside", async () => {
  using paths = policyFolder();
  Deno.writeTextFileSync(paths.policy, "#!/bin/sh\nexit 104\n", { mode: 0o700 });
  let leftByKilledRun = "";
  await withoutServiceStarts(async () => {
    leftByKilledRun = await Deno.readTextFile(paths.policy);
  }, paths);
  Deno.renameSync(paths.policy, paths.aside);
  Deno.writeTextFileSync(paths.policy, leftByKilledRun);
  await withoutServiceStarts(() => Promise.resolve(), paths);
  assert.deepEqual(paths.names(), ["policy-rc.d"]);
  assert.equal(await exitCode(paths.policy), 104);
});
