import { strict as assert } from "node:assert";
import { CHECKS } from "../../src/preflight/checks/mod.ts";

Deno.test("docs/appliance.md has every check of --check, and the README how many they are", async () => {
  const appliance = await Deno.readTextFile("docs/appliance.md");
  const table = appliance.slice(appliance.indexOf("| check "));
  const named = [...table.matchAll(/^\| `([\w.]+)`/gm)].map(([, id]) => id);
  assert.deepEqual(named, CHECKS.map(({ id }) => id));
  assert.ok((await Deno.readTextFile("README.md")).includes(`| ${CHECKS.length} checks within 15 s`));
});
