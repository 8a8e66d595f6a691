/** The unit, as systemd itself judges it; that it also works is tried in a container. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { ensurePrograms } from "../debian.ts";

const UNIT = new URL("../../worker.service", import.meta.url).pathname;
/** What systemd calls the exposure of a service, from 0 to 10: no more than this. */
const MAX_EXPOSURE = 1.3;
/** Keys of systemd 254, which an older one says that it ignores. */
const NEWER = /Unknown key (?:name )?'(RestartSteps|RestartMaxDelaySec)' in section/;

const unit = Deno.readTextFileSync(UNIT);
/** The values of a key, each on one line. */
const valuesOf = (key: string) =>
  [...unit.replaceAll(/\\\n\s*/g, "").matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value);

const noAnalyzer = await ensurePrograms({ "systemd-analyze": "systemd" }, { log: console.log });
if (noAnalyzer !== undefined) console.log(`skipped: ${noAnalyzer}`);

async function analyze(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command("systemd-analyze", { args, env: { SYSTEMD_COLORS: "0" } }).output();
  const text = new TextDecoder();
  return { code: output.code, stdout: text.decode(output.stdout), stderr: text.decode(output.stderr) };
}

Deno.test({
  name: `worker.service is exposed to ${MAX_EXPOSURE} at most, by systemd's own reckoning`,
  ignore: noAnalyzer !== undefined,
  async fn() {
    const { code, stdout, stderr } = await analyze("security", "--offline=true", UNIT);
    const exposure = /Overall exposure level for worker\.service: ([\d.]+)/.exec(stdout)?.[1];
    assert.ok(exposure, `${code}: ${stdout}${stderr}`);
    assert.ok(Number(exposure) <= MAX_EXPOSURE, stdout);
  },
});

Deno.test({
  name: "systemd finds nothing to say about worker.service but what is too new for it",
  ignore: noAnalyzer !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-unit-" });
    try {
      // The program is not installed where this runs, so another one stands in.
      const copy = join(folder, "worker.service");
      await Deno.writeTextFile(copy, unit.replaceAll("/opt/whatsapp-worker/current/worker", "/bin/true"));
      const { stdout, stderr } = await analyze("verify", copy);
      const said = (stdout + stderr).split("\n").filter((line) =>
        line.includes("worker.service") && !NEWER.test(line)
      );
      assert.deepEqual(said, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("worker.service leaves the env file to the program, and checks it before a reload", () => {
  assert.deepEqual(valuesOf("EnvironmentFile"), []);
  const [start] = valuesOf("ExecStart");
  const [check, signal] = valuesOf("ExecReload");
  const [program, ...args] = start?.split(" ") ?? [];
  assert.equal(
    check?.split("; exec ")[1],
    `${[program, "--check --only configuration", ...args].join(" ")}'`,
  );
  assert.equal(signal, "/bin/sh -c 'kill -HUP $MAINPID'");
});

Deno.test("worker.service gives a stop more time than the worker takes, and starts nothing a restart cannot mend", () => {
  assert.ok(Number.parseInt(valuesOf("TimeoutStopSec")[0] ?? "") > 20);
  assert.deepEqual(valuesOf("RestartPreventExitStatus"), ["64 78"]);
});
