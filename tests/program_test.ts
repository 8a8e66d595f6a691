/** How the program starts, ends, and survives a fault nobody handled; see also `preflight/program_test.ts`. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { sharedBroker } from "./rabbitmq/shared.ts";
import { startStack } from "./stack.ts";
import { workerCommand } from "./worker_command.ts";

const broker = await sharedBroker();

Deno.test("runWorker() ends with 78 and every fault when the configuration is wrong", async () => {
  await using stack = await startStack({ broker });
  const program = stack.startProgram({ LOG_LEVEL: "loud", MESSAGE_TIMEOUT: "soon" });
  assert.equal((await program.process.status).code, 78);
  await program.printed("Configuration refused: 2 faults");
  for (const key of ["LOG_LEVEL", "MESSAGE_TIMEOUT"]) {
    assert.ok(program.output().includes(key), program.output());
  }
});

Deno.test("runWorker() words each fault on one line, as an error, where its standard error is the journal", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  const { program, args } = workerCommand(["--env-file", "worker.env"]);
  // As systemd does it: the variable names the very file that standard error is.
  const { code, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"',
      ...["sh", program, ...args],
    ],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  await Deno.remove(folder, { recursive: true });
  assert.equal(code, 78);
  assert.deepEqual(new TextDecoder().decode(stderr).trimEnd().split("\n"), [
    "<3>Configuration refused: 1 fault",
    "<3>worker.env: There is no such file [file_missing] → Copy .env.example to worker.env and fill it in",
  ]);
});

Deno.test("runWorker() ends with 73 when another process has the state folder", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const program = stack.startProgram();
  assert.equal((await program.process.status).code, 73);
  await program.printed("state_locked");
});

Deno.test("runWorker() ends with 0 when it is told to stop while it waits for the broker", async () => {
  await using stack = await startStack({ broker });
  const program = stack.startProgram({ RABBITMQ_URL: "amqp://guest:guest@127.0.0.1:1" });
  await program.printed("not there yet");
  program.process.kill("SIGTERM");
  assert.equal((await program.process.status).code, 0);
});

Deno.test("runWorker() logs and counts a rejection nobody handled, and goes on", async () => {
  await using stack = await startStack({ broker, environment: { STATUS_INTERVAL: "1000" } });
  const culprit = join(stack.folder, "culprit.ts");
  // Unreferenced, because a preloaded module runs to its end before the program starts.
  const rejection = `setTimeout(() => Promise.reject(new Error("nobody handles this")), 2_000).unref();`;
  await Deno.writeTextFile(culprit, `import { setTimeout } from "node:timers";\n${rejection}\n`);
  const program = stack.startProgram({}, ["--preload", culprit]);
  await program.printed("nobody handles this");
  const { body } = await stack.backend.next(
    ({ body }) =>
      body.action === "worker_status" && (body.data as { unhandledFaults: number }).unhandledFaults === 1,
    { describe: "a worker_status that counts the fault" },
  );
  assert.equal(body.workerId, "worker-1");
  program.process.kill("SIGTERM");
  assert.equal((await program.process.status).code, 0);
});
