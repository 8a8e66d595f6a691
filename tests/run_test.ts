import assert from "node:assert/strict";
import { SHARED_BROKER_VARIABLE, sharedBroker } from "./rabbitmq/shared.ts";
import { countTests } from "./run.ts";

const broker = await sharedBroker();

/** Runs the runner on one test file with the given text. */
async function run(text: string, ...args: string[]): Promise<{ code: number; lastLine: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/some_test.ts`, text);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        new URL("run.ts", import.meta.url).pathname,
        "--no-check",
        ...args,
        folder,
      ],
      env: { [SHARED_BROKER_VARIABLE]: JSON.stringify(broker.layout) },
      stderr: "null",
    }).output();
    return { code, lastLine: new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1) ?? "" };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("countTests() counts cases and steps, and leaves out what was skipped", () => {
  const xml = `<testsuites name="deno test" tests="5" failures="2" errors="0" time="0.029">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="2">
        <testcase name="passes"></testcase>
        <testcase name="ignored"><skipped/></testcase>
        <testcase name="steps"><failure message="1 test step failed">1 test step failed.</failure></testcase>
        <testcase name="steps &gt; one"></testcase>
        <testcase name="steps &gt; two"><failure message="x">Error: &lt;skipped/&gt;</failure></testcase>
    </testsuite></testsuites>`;
  assert.deepEqual(countTests(xml), { passed: 2, failed: 2 });
  assert.deepEqual(countTests(""), { passed: 0, failed: 0 });
});

Deno.test("the runner ends with its count and 0 when all passed", async () => {
  const text = `Deno.test("a", () => {}); Deno.test("b", () => {}); Deno.test.ignore("c", () => {});`;
  assert.deepEqual(await run(text), { code: 0, lastLine: "2 passed, 0 failed" });
});

Deno.test("the runner ends with 1 when a test failed or leaked", async () => {
  const text = `
    Deno.test("fails", () => { throw new Error("no") });
    Deno.test("leaks", () => { Deno.listen({ hostname: "127.0.0.1", port: 0 }) });
    Deno.test("passes", () => {});`;
  assert.deepEqual(await run(text), { code: 1, lastLine: "1 passed, 2 failed" });
});

Deno.test("the runner ends with 1 when a file does not load", async () => {
  const { code, lastLine } = await run(`throw new Error("no"); Deno.test("a", () => {});`);
  assert.equal(code, 1);
  assert.match(lastLine, /^0 passed, [1-9]\d* failed$/);
});

Deno.test("the runner ends with 1 when no test ran", async () => {
  const result = await run(`Deno.test("a", () => {});`, "--filter=zzz");
  assert.deepEqual(result, { code: 1, lastLine: "0 passed, 1 failed" });
});
