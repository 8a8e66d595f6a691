/** The self-extracting file, on machines as they come. */
import { strict as assert } from "node:assert";
import { basename } from "node:path";
import { VERSION } from "../../src/version.ts";
import { ensurePrograms } from "../debian.ts";
import { run, type RunOptions, selfExtractingFile, TestFolder } from "./files.ts";

const built = Deno.makeTempDirSync({ prefix: "whatsapp-worker-test-" });
globalThis.addEventListener("unload", () => Deno.removeSync(built, { recursive: true }));
const WORKER = await selfExtractingFile(built);
/** Where it has been unpacked already. */
const WARM = { WORKER_CACHE_DIR: `${built}/warm` };
const noShellcheck = await ensurePrograms({ shellcheck: "shellcheck" }, { log: console.log });
if (noShellcheck) console.log(`stub_test: skipped in part: ${noShellcheck}`);
const PATH = Deno.env.get("PATH")!;
const FIRST_LINE = `whatsapp-worker ${VERSION}\n`;
const isRoot = Deno.uid() === 0;

/** `worker --version` with nothing in the environment but what is given. */
async function version(env: Record<string, string>, options: RunOptions & { worker?: string } = {}) {
  const { worker = WORKER, ...others } = options;
  return await run(worker, ["--version"], { clearEnv: true, env: { PATH, ...env }, ...others });
}

/** Puts a program before all others. */
async function withProgram(
  folder: TestFolder,
  name: string,
  script: string,
): Promise<Record<string, string>> {
  await Deno.writeTextFile(folder.at(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${folder.path}:${PATH}` };
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

Deno.test("The file says what it is, cold and warm", async () => {
  for (let start = 0; start < 2; start++) {
    const { code, stdout, stderr } = await version(WARM);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(stdout.startsWith(FIRST_LINE), stdout);
    assert.match(stdout, /^build +self-extracting$/m);
  }
  assert.equal(Deno.statSync(WARM.WORKER_CACHE_DIR).mode! & 0o777, 0o700);
});

Deno.test("It refuses other machines", async () => {
  await using folder = new TestFolder();
  const arm = await version(
    await withProgram(folder, "uname", `[ "$1" = -m ] && echo aarch64 || echo Linux`),
  );
  assert.deepEqual([arm.code, arm.stdout], [70, ""]);
  assert.match(arm.stderr, /for Linux on x86-64, and this is Linux aarch64\n→ /);
});

Deno.test("It refuses another C library", async () => {
  await using folder = new TestFolder();
  const musl = await version(await withProgram(folder, "getconf", "exit 1"));
  assert.deepEqual([musl.code, musl.stdout], [70, ""]);
  assert.match(musl.stderr, /needs glibc/);
});

Deno.test("It refuses to be half there, or damaged", async () => {
  await using folder = new TestFolder();
  const whole = await Deno.readFile(WORKER);
  const damaged = whole.slice();
  damaged[whole.length - 1_000_000]! ^= 1;
  const cut = [600, 5_000, 10_000, whole.length / 2, whole.length - 1].map((at) => whole.subarray(0, at));
  for (const bytes of [...cut, damaged]) {
    const worker = folder.at("worker");
    await Deno.writeFile(worker, bytes, { mode: 0o755 });
    const { code, stdout, stderr } = await version({ WORKER_CACHE_DIR: folder.at("cache") }, { worker });
    assert.deepEqual([code, stdout], [70, ""]);
    assert.match(stderr, /damaged or only half there: .*\n→ Copy it here again/);
    if (bytes === damaged) assert.deepEqual(names(folder.at("cache", "unpacked")), []);
  }
});

Deno.test("Six cold starts at once unpack one copy, and leave nothing else", async () => {
  await using folder = new TestFolder();
  const started = Array.from({ length: 6 }, () => version({ WORKER_CACHE_DIR: folder.at("cache") }));
  for (const { code, stdout, stderr } of await Promise.all(started)) {
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(stdout.startsWith(FIRST_LINE));
  }
  assert.equal(names(folder.at("cache", "unpacked")).length, 1);
});

Deno.test("Killed while it unpacks, it starts the next time", async () => {
  await using folder = new TestFolder();
  const cache = { WORKER_CACHE_DIR: folder.at("cache") };
  // As slow as a machine can be: it is killed when part of it is there.
  const slow = await withProgram(folder, "tar", `echo part > "$5/deno"; echo unpacking; exec sleep 60`);
  const child = new Deno.Command("setsid", {
    args: [WORKER, "--version"],
    clearEnv: true,
    env: { ...cache, ...slow },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.getReader();
  assert.match(new TextDecoder().decode((await output.read()).value), /unpacking/);
  Deno.kill(-child.pid, "SIGKILL");
  await child.status;
  await output.cancel();
  const { code, stdout } = await version(cache);
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(FIRST_LINE));
});

Deno.test("A copy that lost its contents, as after a power failure, is unpacked anew", async () => {
  await using folder = new TestFolder();
  const { stdout } = await run(WORKER, ["--unpack"]);
  const whole = stdout.trim();
  const copy = folder.at("cache", "unpacked", basename(whole));
  await Deno.mkdir(copy, { recursive: true, mode: 0o700 });
  await Deno.copyFile(`${whole}/app.mjs`, `${copy}/app.mjs`);
  await Deno.writeTextFile(`${copy}/deno`, "", { mode: 0o755 });
  await Deno.remove(`${built}/unpacked`, { recursive: true });
  assert.equal((await version({ WORKER_CACHE_DIR: folder.at("cache") })).code, 0);
  assert.deepEqual(names(folder.at("cache", "unpacked")), [basename(whole)]);
});

Deno.test("Where it unpacks it removes what is old of its own, and nothing of anybody else's", async () => {
  await using folder = new TestFolder();
  const there = ["0a".repeat(32), "tmp.0aZ9bY8c", "tmp.0aZ9bY8c.old", "tmp.mine", "holidays", "0a1b2c3d"];
  const longAgo = new Date(Date.now() - 40 * 24 * 60 * 60_000);
  for (const name of there) {
    const path = folder.at("cache", "unpacked", name);
    await Deno.mkdir(path, { recursive: true });
    await Deno.utime(path, longAgo, longAgo);
  }
  await Deno.chmod(folder.at("cache"), 0o700);
  await Deno.chmod(folder.at("cache", "unpacked"), 0o700);
  assert.equal((await version({ WORKER_CACHE_DIR: folder.at("cache") })).code, 0);
  const left = names(folder.at("cache", "unpacked"));
  assert.deepEqual(left.filter((name) => there.includes(name)).sort(), ["0a1b2c3d", "holidays", "tmp.mine"]);
  assert.equal(left.length, 4, "and its own copy");
});

Deno.test("It starts in a folder that is gone", async () => {
  await using folder = new TestFolder();
  const cwd = folder.at("gone");
  await Deno.mkdir(cwd);
  const { code, stdout } = await run("sh", ["-c", `rmdir ../gone; exec "$0" --version`, WORKER], {
    env: WARM,
    cwd,
  });
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(FIRST_LINE), stdout);
});

Deno.test("Without a home it unpacks into a folder for temporary files that is the user's own", async () => {
  await using folder = new TestFolder();
  await Deno.writeTextFile(folder.at("file"), "");
  for (const env of [{}, { HOME: folder.at("file") }, { HOME: "/proc", XDG_CACHE_HOME: "/proc/none" }]) {
    const { code, stderr } = await version({ TMPDIR: folder.path, ...env });
    assert.deepEqual([code, stderr], [0, ""]);
  }
  assert.equal(Deno.statSync(folder.at(`whatsapp-worker-${Deno.uid()}`)).mode! & 0o777, 0o700);
});

Deno.test("It trusts no folder that somebody else may change, and says what to do where there is no other", async () => {
  await using folder = new TestFolder();
  const cache = folder.at("cache");
  const refused = async (describe: string) => {
    const { code, stdout, stderr } = await version({ WORKER_CACHE_DIR: cache, TMPDIR: "/proc" });
    assert.deepEqual([code, stdout], [73, ""], describe);
    assert.match(stderr, /no folder to unpack this file into.*\n→ Name one with WORKER_CACHE_DIR/);
    assert.deepEqual(names(cache), [], describe);
  };
  await Deno.mkdir(cache);
  for (const mode of [0o777, 0o770, 0o1777]) {
    await Deno.chmod(cache, mode);
    await refused(mode.toString(8));
  }
  if (!isRoot) return;
  await Deno.chmod(cache, 0o700);
  await Deno.chown(cache, 65534, 65534);
  await refused("somebody else's");
  const guessed = folder.at("whatsapp-worker-0");
  await Deno.symlink("/etc", guessed);
  assert.equal((await version({ TMPDIR: folder.path })).code, 73, "a link that was put where it would be");
});

Deno.test("worker --unpack unpacks beside it, for every user, and needs nothing to be writable then", async () => {
  await using folder = new TestFolder();
  const worker = folder.at("worker");
  await Deno.copyFile(WORKER, worker);
  const first = await run(worker, ["--unpack"]);
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  const unpacked = first.stdout.trim();
  assert.match(unpacked.slice(folder.path.length), /^\/unpacked\/[0-9a-f]{64}$/);
  assert.deepEqual(names(unpacked).sort(), ["app.mjs", "deno"]);
  assert.equal(Deno.statSync(unpacked).mode! & 0o777, 0o755);
  assert.equal(Deno.statSync(`${unpacked}/app.mjs`).mode! & 0o777, 0o644);
  assert.deepEqual(await run(worker, ["--unpack"]), first, "again, it changes nothing");
  await Deno.symlink(worker, folder.at("link"));
  const { code, stdout, stderr } = await version({ HOME: "/proc", TMPDIR: "/proc" }, {
    worker: folder.at("link"),
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.ok(stdout.startsWith(FIRST_LINE));
});

Deno.test("It is the process that was started: signals, exit codes, arguments, no question asked", async () => {
  await using folder = new TestFolder();
  const settings = { LOG_LEVEL: "loud", ENV: "x" };
  const wrong = await run(WORKER, ["--env-file", folder.at("none")], { env: { ...WARM, ...settings } });
  assert.equal(wrong.code, 78, wrong.stderr);
  assert.equal((await run(WORKER, ["--no such option"], { env: WARM })).code, 64);

  const sleeper = new Deno.Command(WORKER, {
    args: ["session", "list", "--env-file", "/dev/stdin"],
    env: WARM,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const exe = `/proc/${sleeper.pid}/exe`;
  while (basename(await Deno.readLink(exe)) !== "deno") {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const [own, its] = ["self", sleeper.pid].map((pid) =>
    /Umask.*/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[0]
  );
  assert.equal(its, own);
  sleeper.kill("SIGTERM");
  await sleeper.stdin.close();
  const { code, signal } = await sleeper.status;
  assert.deepEqual([code, signal], [143, "SIGTERM"]);
});

Deno.test("Neither libraries nor settings are taken from folders around it", async () => {
  await using folder = new TestFolder();
  await Deno.mkdir(folder.at(".npmrc"));
  await Deno.writeTextFile(folder.at("package.json"), "{");
  await Deno.writeTextFile(folder.at("deno.json"), "{");
  for (const name of ["bufferutil", "utf-8-validate", "sharp"]) {
    await Deno.mkdir(folder.at("node_modules", name), { recursive: true });
    await Deno.writeTextFile(folder.at("node_modules", name, "index.js"), `process.exit(99);`);
  }
  const { code } = await version({ WORKER_CACHE_DIR: folder.at("cache"), HOME: folder.path }, {
    cwd: folder.path,
  });
  assert.equal(code, 0);
});

Deno.test(
  "stub.sh has nothing shellcheck would point out",
  { ignore: noShellcheck !== undefined },
  async () => {
    const stub = new URL("../../build/stub.sh", import.meta.url).pathname;
    assert.equal((await run("shellcheck", [stub])).stdout, "");
  },
);
