import { strict as assert } from "node:assert";
import { assertCanBuildHere, DENO_VERSION } from "../../build/platform.ts";
import { namedRuntime } from "../../build/compiled.ts";
import { VERSION } from "../../src/version.ts";
import { build, copySources, run, TestFolder } from "./files.ts";

const NAME = `worker-${VERSION}-linux-x86_64`;
const SECRETS = {
  RABBITMQ_URL: "amqp://worker:a-secret-of-the-environment@broker",
  BACKEND_API_KEY: "another-secret-of-the-environment",
};
const ENV_FILE = "BACKEND_API_KEY=a-secret-of-the-env-file\n";
/** Stands in for the runtime of `deno compile`, which puts the program behind whatever it is given. */
const ANY_RUNTIME = { DENORT_BIN: "/bin/true" };

/** What Deno writes into a compiled file about how to run it. */
interface Metadata {
  readonly permissions: Readonly<Record<string, unknown>>;
  readonly env_vars_from_env_file: Readonly<Record<string, string>>;
}

/** A copy of the sources in which somebody works who has secrets, and one where nobody does. */
async function twoCheckouts(folder: TestFolder): Promise<[string, string]> {
  const [one, other] = [folder.at("one"), folder.at("a-folder-with-a-longer-name", "other")];
  await copySources(one);
  await copySources(other);
  await Deno.writeTextFile(`${one}/.env`, ENV_FILE);
  return [one, other];
}

async function assertSameAndSecretless(folder: TestFolder, args: string[], env: Record<string, string>) {
  const [one, other] = await twoCheckouts(folder);
  const built = await Promise.all([build(one, args, { ...env, ...SECRETS }), build(other, args, env)]);
  for (const { code, stderr } of built) assert.equal(code, 0, stderr);
  const [bytes, othersBytes] = await Promise.all([one, other].map((root) => Deno.readFile(`${root}/worker`)));
  assert.equal(await digest(bytes!), await digest(othersBytes!), "the same sources make the same bytes");
  const { code } = await run("sha256sum", ["-c", "--quiet", `${NAME}.sha256`], { cwd: `${one}/dist` });
  assert.equal(code, 0, "sha256sum accepts the .sha256");
  assert.equal(await digest(await Deno.readFile(`${one}/dist/${NAME}`)), await digest(bytes!));
  assert.equal(Deno.statSync(`${one}/worker`).mode! & 0o777, 0o755);
  return { file: `${one}/worker`, bytes: bytes!, root: one };
}

Deno.test("task build makes the same self-extracting file wherever it is, without anybody's secrets", async () => {
  await using folder = new TestFolder();
  const { file, root } = await assertSameAndSecretless(folder, ["--kind", "self-extracting"], {});
  const { stdout: unpacked } = await run(file, ["--unpack"]);
  assertHoldsNone(await Deno.readTextFile(`${unpacked.trim()}/app.mjs`), [root, folder.path]);
  const { stdout } = await run(file, ["--version", "--json"], {
    env: { WORKER_CACHE_DIR: folder.at("cache") },
  });
  const { version, commit, build: kind } = JSON.parse(stdout);
  assert.deepEqual({ version, commit, kind }, {
    version: VERSION,
    commit: "unknown",
    kind: "self-extracting",
  });
});

Deno.test("task build has deno compile embed the whole program, its permissions, and nobody's secrets", async () => {
  await using folder = new TestFolder();
  const { bytes, root } = await assertSameAndSecretless(folder, ["--json"], ANY_RUNTIME);
  const text = new TextDecoder("latin1").decode(bytes);
  assertHoldsNone(text, [root, folder.path]);
  assert.ok(text.includes('"kind":"compiled"'));

  // What the bundle still asks for: Node's own modules, and what Baileys and ws do without.
  const asked = new Set(
    [...text.matchAll(/(?<![\w.])(?:__require|import)\("([^"\s]+)"\)/g)].map(([, name]) => name!),
  );
  const others = [...asked].filter((name) => !name.startsWith("node:")).sort();
  const optional = ["audio-decode", "bufferutil", "jimp", "link-preview-js", "sharp", "supports-color"];
  assert.deepEqual(others, [...optional, "utf-8-validate"]);

  const { permissions, env_vars_from_env_file } = metadata(text);
  const denied = ["allow_run", "allow_ffi"].map((name) => permissions[name]);
  assert.deepEqual(denied, [null, null]);
  assert.deepEqual(permissions.allow_sys, ["hostname", "statfs", "systemMemoryInfo", "uid"]);
  assert.deepEqual([permissions.deny_import, permissions.ignore_env, permissions.prompt], [[], [], false]);
  const names = permissions.allow_env as string[];
  assert.ok(names.includes("RABBITMQ_URL") && !names.includes("PATH"), String(names));
  assert.deepEqual(env_vars_from_env_file, {});
});

Deno.test("task build takes no runtime for deno compile that it cannot check", async () => {
  await using folder = new TestFolder();
  await copySources(folder.at("it"));
  const zip = folder.at("denort.zip");
  await Deno.writeTextFile(zip, "not what was pinned");
  const env = { DENORT_ZIP: zip, DENORT_SHA256: "0".repeat(64) };
  const { code, stderr } = await build(folder.at("it"), [], env);
  assert.equal(code, 1);
  assert.match(stderr, /The runtime for deno compile has sha256 \w{64}, not 0{64}/);
  assert.throws(() => Deno.statSync(folder.at("it", "worker")), Deno.errors.NotFound);
});

Deno.test("namedRuntime() wants a checksum for all that is not the builder's own", () => {
  const named = (environment: Record<string, string>) =>
    namedRuntime({ get: (name: string) => environment[name] });
  const sha256 = "0123456789abcdef".repeat(4);
  assert.equal(named({}), undefined);
  assert.deepEqual(named({ DENORT_BIN: "/a" }), { from: "binary" });
  assert.deepEqual(named({ DENORT_SHA256: sha256.toUpperCase() }), { from: "download", sha256 });
  assert.deepEqual(named({ DENORT_ZIP: "/a", DENORT_SHA256: sha256 }), { from: "zip", path: "/a", sha256 });
  assert.throws(() => named({ DENORT_ZIP: "/a" }), { code: "runtime_unpinned" });
  assert.throws(() => named({ DENORT_SHA256: "latest" }), { code: "runtime_pin_malformed" });
});

Deno.test("assertCanBuildHere() refuses other machines and other Denos", () => {
  assertCanBuildHere();
  for (const target of ["aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "x86_64-unknown-linux-musl"]) {
    assert.throws(() => assertCanBuildHere(target), { code: "platform_unsupported" });
  }
  assert.throws(() => assertCanBuildHere(undefined, "2.9.5"), { code: "deno_unsupported" });
});

Deno.test("Whoever is told to type deno gets the one that the file is built with", async () => {
  for (const name of ["README.md", "CONTRIBUTING.md", "docs/appliance.md", "install.sh", ".ci/run"]) {
    const text = await Deno.readTextFile(new URL(`../../${name}`, import.meta.url));
    const versions = [...text.matchAll(/\bdeno@([\d.]+\d)/g)].map(([, version]) => version);
    assert.ok(versions.length > 0, name);
    assert.deepEqual(versions.filter((version) => version !== DENO_VERSION), [], name);
  }
});

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function assertHoldsNone(text: string, paths: readonly string[]): void {
  const secrets = ["secret-of-the-environment", "secret-of-the-env-file"];
  for (const hidden of [...secrets, ...paths]) {
    assert.ok(!text.includes(hidden), `'${hidden}' is in the file`);
  }
}

function metadata(text: string): Metadata {
  const [json] = /\{"argv":\[\].*?\}(?=\n|[^\x20-\x7e])/s.exec(text) ?? [];
  assert.ok(json, "the file says how it is to be run");
  return JSON.parse(json) as Metadata;
}
