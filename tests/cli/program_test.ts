/** What the program says about itself, and to whom: also with a log at a terminal, under its own permissions. */
import { strict as assert } from "node:assert";
import type { BuildInfo } from "../../src/build_info.ts";
import { VERSION } from "../../src/version.ts";
import { Installation } from "../preflight/installation.ts";
import { WORKER_BIN_VARIABLE, workerCommand } from "../worker_command.ts";

const ROOT = new URL("../../", import.meta.url);

async function worker(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { program, args: all } = workerCommand(args);
  const { code, stdout, stderr } = await new Deno.Command(program, { args: all, stdin: "null" }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("worker --version says what it is made of, the name and the version first", async () => {
  const { code, stdout } = await worker("--version");
  assert.equal(code, 0);
  const [first, ...others] = stdout.trimEnd().split("\n");
  assert.equal(first, `whatsapp-worker ${VERSION}`);
  assert.deepEqual(others.map((line) => line.replace(/ {2,}.*/, "")), [
    "commit",
    "build",
    "Deno",
    "Baileys",
    "WhatsApp Web",
  ]);
});

Deno.test("worker --version --json says the same for machines", async () => {
  const { code, stdout } = await worker("--version", "--json");
  assert.equal(code, 0);
  const { program, version, commit, build, deno, baileys, whatsappWeb } = JSON.parse(stdout) as BuildInfo;
  assert.deepEqual([program, version, deno], ["whatsapp-worker", VERSION, Deno.version.deno]);
  assert.ok(["source", "compiled", "self-extracting"].includes(build), build);
  assert.match(commit, /^(?:source|unknown|[0-9a-f]{40}(?:-dirty)?)$/);
  assert.match(baileys, /^\d+\.\d+\.\d+/);
  assert.match(whatsappWeb, /^\d+\.\d+\.\d+$/);
});

Deno.test("worker print writes the files that came with it, byte for byte, without any configuration", async () => {
  for (const name of ["install.sh", "worker.service", ".env.example"]) {
    const { code, stdout, stderr } = await worker("print", name);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, await Deno.readTextFile(new URL(name, ROOT)), name);
  }
});

Deno.test("worker print knows what it can print", async () => {
  const { code, stderr } = await worker("print", "worker.servce");
  assert.equal(code, 64);
  assert.match(stderr, /'worker print' cannot "worker\.servce"\n→ Did you mean 'worker\.service'\?/);
  const { stdout } = await worker("print", "--help");
  assert.match(stdout, /worker print worker\.service/);
});

Deno.test("worker --unpack is taken by what has nothing to unpack, too", {
  // A built file is unpacked in tests/build/stub_test.ts.
  ignore: Deno.env.has(WORKER_BIN_VARIABLE),
}, async () => {
  assert.deepEqual(await worker("--unpack"), { code: 0, stdout: "", stderr: "" });
});

Deno.test("The log has colours at a terminal alone, and none where NO_COLOR says so", async () => {
  await using installation = await Installation.make({ LOG_PRETTY: "true", HTTP_PORT: '""' });
  const { program, args } = workerCommand(["--env-file", installation.envFile]);
  const plain = [program, ...args];
  const atTerminal = ["script", "-qec", plain.join(" "), "/dev/null"];
  const [coloured, told, piped, json] = await Promise.all([
    firstLine(atTerminal),
    firstLine(atTerminal, { NO_COLOR: "1", SESSION_DIR: `${installation.sessionDir}-2` }),
    firstLine(plain, { SESSION_DIR: `${installation.sessionDir}-3` }),
    firstLine(plain, { SESSION_DIR: `${installation.sessionDir}-4`, LOG_PRETTY: "false" }),
  ]);
  const green = "\x1b[32mINFO\x1b[39m";
  assert.ok(coloured.includes(green), coloured);
  for (const line of [told, piped]) assert.ok(line.includes("INFO") && !line.includes("\x1b"), line);
  assert.equal(JSON.parse(json).workerId, "worker-1");
});

/** What a worker logs first: that it waits for a broker. It is ended then. */
async function firstLine([program, ...args]: string[], env: Record<string, string> = {}): Promise<string> {
  const child = new Deno.Command(program!, { args, env, stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  child.kill("SIGTERM");
  await reader.cancel();
  await child.status;
  return text.split("\n", 1)[0]!;
}
