import assert from "node:assert/strict";
import { CHECKS } from "../../src/preflight/checks/mod.ts";
import { loadConfig } from "../../src/config/load.ts";
import { ensurePrograms } from "../debian.ts";

const unavailable = await ensurePrograms({ bats: "bats", shellcheck: "shellcheck" }, { log: console.log });
if (unavailable) console.log(`skipped: ${unavailable}`);

const HERE = "tests/install";
const ignore = unavailable !== undefined;

/** One test of a `.bats` file, as TAP has it. */
interface TapResult {
  ok: boolean;
  name: string;
  /** Why it was not run. */
  skipped?: string;
  /** What is said about a failure. */
  details: string[];
}

Deno.test({
  name: "install.sh and what its tests are made of pass shellcheck",
  ignore,
  fn: async () => {
    const fakes = [...Deno.readDirSync(`${HERE}/fakes`)].map(({ name }) => `${HERE}/fakes/${name}`);
    const files = ["install.sh", `${HERE}/machine.bash`, `${HERE}/setup_suite.bash`, ...fakes];
    assert.equal((await run("shellcheck", ["-x", ...files])).stdout, "");
  },
});

Deno.test({
  name: "install.sh on a machine of its own",
  ignore,
  fn: async (t) => {
    const { stdout, stderr } = await run("bats", ["--formatter", "tap", HERE]);
    const results = readTap(stdout);
    assert.equal(results.length, announced(stdout), `bats broke off:\n${stderr}`);
    for (const { ok, name, skipped, details } of results) {
      if (skipped) console.log(`skipped: ${name}: ${skipped}`);
      const fn = () => assert.ok(ok, details.join("\n"));
      await t.step({ name, ignore: skipped !== undefined, fn });
    }
  },
});

Deno.test("install.sh has everything checked but what it is about to change", async () => {
  const [, checked = ""] = /^readonly CHECKED=(.*)$/m.exec(await Deno.readTextFile("install.sh")) ?? [];
  const groups = new Set(CHECKS.map(({ id }) => id.split(".")[0]!));
  assert.deepEqual(checked.split(","), [...groups].filter((group) => group !== "service"));
});

Deno.test("what install.sh writes means to the worker what was given", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const given = {
      RABBITMQ_URL: "amqps://user:p%40ss%23$&(x)@broker.example:5671/vhost?heartbeat=30",
      WORKER_ID: "worker-7",
      WORKER_NAME: "No. 7 d'accueil (été) #1 & 2",
      BACKEND_API_URL: "https://backend.example/api/$v~1",
      BACKEND_API_KEY: "k#e$y&|;<>%s%%",
      RECEIVE_INCLUDE: "from_me,status",
      HTTP_PORT: "",
    };
    const worker = await run("bash", ["-c", `. ${HERE}/machine.bash; worker_text 1.0.0 ready 0`]);
    await Deno.writeTextFile(`${folder}/worker`, worker.stdout, { mode: 0o755 });
    const { code, stderr } = await run("./install.sh", ["--root", folder, `${folder}/worker`], given);
    assert.equal(code, 0, stderr);
    const envFile = `${folder}/etc/whatsapp-worker/worker.env`;
    const { settings, sources } = await loadConfig({ envFile, environment: {} });
    assert.deepEqual(
      {
        ...given,
        RECEIVE_INCLUDE: new Set(["from_me", "status"]),
        HTTP_PORT: undefined,
        SESSION_DIR: "/var/lib/whatsapp-worker",
      },
      Object.fromEntries(
        [...Object.keys(given), "SESSION_DIR"].map((key) => [key, settings[key as keyof typeof settings]]),
      ),
    );
    assert.equal(sources.get("HTTP_PORT"), "file");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function run(program: string, args: string[], env: Record<string, string> = {}) {
  const command = new Deno.Command(program, { args, env, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** How many tests the plan of a TAP report has. */
function announced(tap: string): number {
  return Number(/^1\.\.(\d+)$/m.exec(tap)?.[1] ?? NaN);
}

function readTap(tap: string): TapResult[] {
  const results: TapResult[] = [];
  for (const line of tap.split("\n")) {
    const [, verdict, name, skipped] = /^(ok|not ok) \d+ (.*?)(?: # skip ?(.*))?$/.exec(line) ?? [];
    if (verdict) {
      results.push({
        ok: verdict === "ok",
        name: name!,
        ...skipped !== undefined && { skipped },
        details: [],
      });
    } else if (line.startsWith("#")) results.at(-1)?.details.push(line.slice(2));
  }
  return results;
}
