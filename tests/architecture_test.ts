/** The properties of the house that must hold whatever its files are called. */

import { strict as assert } from "node:assert";
import { dirname, join, relative } from "node:path";

const SRC = new URL("../src", import.meta.url).pathname;
const IMPORT = /^(?:import|export)\b[^;]*?\bfrom "(\.[^"]+)";|^import "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm;
const SQL = /\b(?:SELECT|INSERT INTO|DELETE FROM|UPDATE \w+ SET|CREATE TABLE)\b/;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function* sources(folder = SRC): Generator<Source> {
  for (const entry of Deno.readDirSync(folder)) {
    const file = join(folder, entry.name);
    if (entry.isDirectory) yield* sources(file);
    else if (entry.name.endsWith(".ts")) {
      const text = Deno.readTextFileSync(file);
      const imports = [...text.matchAll(IMPORT)].map(([, from, effect, later]) =>
        relative(SRC, join(dirname(file), from ?? effect ?? later ?? ""))
      );
      yield { path: relative(SRC, file), text, imports };
    }
  }
}

const ALL = [...sources()];

/** What files of `folder` import from elsewhere in `src`. */
function foreignImports(folder: string): string[] {
  return ALL.filter(({ path }) => path.startsWith(`${folder}/`)).flatMap(({ path, imports }) =>
    imports.filter((imported) => !imported.startsWith(`${folder}/`)).map((imported) =>
      `${path} → ${imported}`
    )
  );
}

Deno.test("the imports are read, or the other tests here say nothing", () => {
  const root = ALL.find(({ path }) => path === "parts.ts");
  for (const imported of ["broker/connection.ts", "whatsapp/session/sessions.ts", "store/store.ts"]) {
    assert.ok(root?.imports.includes(imported), `parts.ts imports ${imported}`);
  }
  const check = ALL.find(({ path }) => path === "preflight/checks/state_adoption.ts");
  assert.ok(check?.imports.includes("adoption/auth_folder.ts"), "those that are made later too");
});

/** The files outside of `folder` that import something of it. */
function knowers(folder: string): string[] {
  const isOf = (path: string) => path.startsWith(`${folder}/`);
  return ALL.filter(({ path, imports }) => !isOf(path) && imports.some(isOf)).map(({ path }) => path).sort();
}

Deno.test("src/ knows nothing of what builds and tests it", () => {
  const outside = ALL.flatMap(({ path, imports }) =>
    imports.filter((imported) => imported.startsWith("..")).map((imported) => `${path} → ${imported}`)
  );
  assert.deepEqual(outside, []);
});

Deno.test("who has something to count tells telemetry.ts, and only the start knows health/", () => {
  assert.deepEqual(knowers("health"), ["parts.ts", "run.ts", "worker.ts"]);
  assert.deepEqual(ALL.find(({ path }) => path === "telemetry.ts")?.imports, []);
});

Deno.test("the worker itself knows nothing of preflight/", () => {
  assert.deepEqual(knowers("preflight").filter((path) => !path.startsWith("cli/")), []);
});

Deno.test("broker/ and whatsapp/ never import each other", () => {
  assert.deepEqual(foreignImports("broker").filter((arrow) => arrow.includes("→ whatsapp/")), []);
  assert.deepEqual(foreignImports("whatsapp").filter((arrow) => arrow.includes("→ broker/")), []);
});

Deno.test("contract/ and config/ import nothing but each other", () => {
  assert.deepEqual(foreignImports("contract").filter((arrow) => !arrow.includes("→ config/")), []);
  assert.deepEqual(foreignImports("config").filter((arrow) => !arrow.includes("→ contract/")), []);
});

Deno.test("store/ depends on nothing of the project's", () => {
  assert.deepEqual(foreignImports("store"), []);
});

Deno.test("adoption/ is known to the start and to --check alone, and knows nothing of the broker", () => {
  assert.deepEqual(knowers("adoption"), ["preflight/checks/state_adoption.ts", "worker.ts"]);
  assert.deepEqual(foreignImports("adoption").filter((arrow) => arrow.includes("→ broker/")), []);
});

Deno.test("SQL stands in store/ alone", () => {
  const elsewhere = ALL.filter(({ path, text }) => !path.startsWith("store/") && SQL.test(text));
  assert.deepEqual(elsewhere.map(({ path }) => path), []);
});

Deno.test("imports have no cycle", () => {
  const imports = new Map(ALL.map((source) => [source.path, source.imports]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    assert.ok(!trail.includes(path), `a cycle: ${[...trail, path].join(" → ")}`);
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
});

Deno.test("Deno's https is used with a connection of one's own alone: its agents need a permission the program has not", () => {
  const users = ALL.filter(({ text }) => text.includes('"node:https"')).map(({ path }) => path);
  assert.deepEqual(users, ["whatsapp/media/web_request.ts"]);
});
