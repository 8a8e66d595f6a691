import { strict as assert } from "node:assert";

const SEED = "tide";

/** Progress is shown as it comes: a torture of a minute takes about two on a quiet machine. */
Deno.test("torture: a minute with a fixed seed has no hole", async () => {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("main.ts", import.meta.url).pathname, "--minutes", "1", "--seed", SEED],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  assert.equal(code, 0, "the account above names every hole");
});
