import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { RunOptions } from "../../src/preflight/runner.ts";
import { checkAll } from "../../src/preflight/run.ts";
import { EMBEDDED_UNIT } from "../../src/preflight/service.ts";
import { resultOf, statuses, troubleIn } from "./installation.ts";
import { Machine } from "./machine.ts";

/** What is looked at here needs no configuration. */
const check = ({ root }: Machine, options: Partial<RunOptions> = {}) =>
  checkAll({ envFile: undefined, environment: {}, root, only: "service,machine", ...options });

const RUNNING = {
  LoadState: "loaded",
  ActiveState: "active",
  SubState: "running",
  UnitFileState: "enabled",
  StatusText: "12 numbers, 11 connected; broker ok; outbox 0",
  Result: "success",
  NRestarts: 0,
  WatchdogUSec: 30_000_000n,
  ExecMainCode: 0,
  ExecMainStatus: 0,
  NeedDaemonReload: false,
  DropInPaths: ["/etc/systemd/system/worker.service.d/override.conf"],
  LimitNOFILE: 65_536n,
  LimitCORE: 0n,
  MemoryMax: 1536n * 1024n * 1024n,
  MemoryHigh: 1024n * 1024n * 1024n,
};

Deno.test("checkAll() is content where no service is installed and no systemd runs", async () => {
  await using machine = await Machine.make();
  const report = await check(machine);
  for (const id of ["service.release", "service.unit", "service.state", "machine.files", "machine.dumps"]) {
    assert.equal(statuses(report)[id], "ok", id);
  }
  assert.match(resultOf(report, "service.state").findings[0]?.found ?? "", /^not asked: there is no systemd/);
  assert.match(
    resultOf(report, "machine.files").findings[0]?.found ?? "",
    /^1024 at least, by trying it out/,
  );
  assert.match(
    resultOf(report, "machine.dumps").findings[0]?.found ?? "",
    /^not asked, as the program may not/,
  );
});

Deno.test("checkAll() asks systemd how the service is", async () => {
  await using machine = await Machine.make();
  await machine.installUnit();
  await machine.startSystemd(RUNNING);
  const report = await check(machine);
  assert.equal(report.status, "ok", JSON.stringify(report.checks));
  const [state] = resultOf(report, "service.state").findings;
  assert.equal(
    state?.found,
    "active (running): 12 numbers, 11 connected; broker ok; outbox 0, enabled, last exit: none, 0 restarts, watchdog 30 s",
  );
  assert.deepEqual(state?.facts?.dropIns, RUNNING.DropInPaths);
  assert.match(resultOf(report, "machine.files").findings[0]?.found ?? "", /^65536, by systemd/);
  assert.match(resultOf(report, "machine.dumps").findings[0]?.found ?? "", /^off, by systemd/);
  const memory = resultOf(report, "machine.memory").findings[0]?.facts;
  assert.equal(memory?.serviceLimitBytes, 1536 * 1024 * 1024);
});

Deno.test("checkAll() misses no watchdog at a service that does not run, of which systemd does not tell it", async () => {
  await using machine = await Machine.make();
  await machine.startSystemd({ ...RUNNING, ActiveState: "inactive", SubState: "dead", WatchdogUSec: 0n });
  const { findings } = resultOf(await check(machine), "service.state");
  assert.deepEqual(findings.map(({ code }) => code), ["ok"]);
});

const TROUBLES: Record<string, Parameters<Machine["startSystemd"]>[0]> = {
  not_enabled: { UnitFileState: "disabled" },
  failed: {
    ActiveState: "failed",
    SubState: "failed",
    Result: "exit-code",
    ExecMainCode: 1,
    ExecMainStatus: 78,
  },
  restarts: { NRestarts: 5, ExecMainCode: 2, ExecMainStatus: 9 },
  reload_needed: { NeedDaemonReload: true },
  no_watchdog: { WatchdogUSec: 2n ** 64n - 1n },
};
for (const [code, changes] of Object.entries(TROUBLES)) {
  Deno.test(`checkAll() warns of a service in trouble: ${code}`, async () => {
    await using machine = await Machine.make();
    await machine.startSystemd({ ...RUNNING, ...changes });
    const trouble = troubleIn(await check(machine), "service.state");
    assert.deepEqual([trouble.status, trouble.code], ["warning", code]);
    if (code === "failed") assert.match(trouble.found, /ended with exit code 78 \(exit-code\)/);
    if (code === "restarts") {
      assert.match(trouble.found, /restarted the service 5 times .*, last after signal 9/);
    }
  });
}

Deno.test("checkAll() says that a unit cannot be used, and that there is none", async () => {
  await using broken = await Machine.make();
  await broken.startSystemd({ ...RUNNING, LoadState: "bad-setting" });
  assert.equal(troubleIn(await check(broken), "service.state").code, "not_loaded");
  await using none = await Machine.make();
  await none.startSystemd({ ...RUNNING, LoadState: "not-found" });
  const report = await check(none);
  assert.match(resultOf(report, "service.state").findings[0]?.found ?? "", /^systemd has no worker\.service/);
});

Deno.test("checkAll() takes a systemd that refuses or hangs for one that cannot be asked", async () => {
  for (const script of [{ error: "org.freedesktop.DBus.Error.AccessDenied" }, { refusal: "REJECTED" }]) {
    await using machine = await Machine.make();
    await machine.startSystemd(RUNNING, script);
    const [finding] = resultOf(await check(machine), "service.state").findings;
    assert.equal(finding?.status, "ok");
    assert.match(String(finding?.facts?.said), /AccessDenied|does not let this user in/);
  }
  await using hanging = await Machine.make();
  await hanging.startSystemd(RUNNING, { isSilent: true });
  const report = await check(hanging, { checkTimeoutMs: 100 });
  assert.equal(resultOf(report, "service.state").findings[0]?.facts?.asked, false);
});

Deno.test("checkAll() warns of a unit and a release of another version", async () => {
  await using machine = await Machine.make();
  await machine.installUnit(EMBEDDED_UNIT);
  assert.equal(statuses(await check(machine))["service.unit"], "ok");
  await machine.installUnit(`${EMBEDDED_UNIT}# by hand\n`);
  await machine.installRelease("0123abcd");
  const report = await check(machine);
  assert.equal(troubleIn(report, "service.unit").code, "another_unit");
  const release = troubleIn(report, "service.release");
  assert.equal(release.code, "another_release");
  assert.ok(release.found.includes(join(machine.root, "opt/whatsapp-worker/releases/0123abcd")));
});

Deno.test("checkAll() knows limits of the unit where systemd does not answer", async () => {
  await using machine = await Machine.make();
  await machine.installUnit("[Service]\nLimitNOFILE=200\nLimitCORE=infinity\n");
  const report = await check(machine);
  assert.equal(troubleIn(report, "machine.files").code, "few_files");
  const dumps = troubleIn(report, "machine.dumps");
  assert.equal(dumps.code, "core_dumps");
  assert.match(dumps.remedy ?? "", /LimitCORE=0/);
  assert.equal(dumps.facts?.limit, "unlimited");
});
