/** SIGHUP: what of the configuration is taken up by a running worker, and what of it is only talked about. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Config, Settings } from "../src/config/load.ts";
import { makeLog } from "../src/log.ts";
import { makeReload } from "../src/reload.ts";
import { load, VALID, withValue } from "./config/files.ts";
import { sharedBroker } from "./rabbitmq/shared.ts";
import { Program, startStack } from "./stack.ts";

const broker = await sharedBroker();

/** A worker that was started with `settings`, and its log. */
function started(settings: Settings, level = "info") {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = makeLog({ level, pretty: false, workerId: "worker-1", destination });
  let next: () => Promise<Config> = () => load(VALID);
  const reload = makeReload({
    load: () => next(),
    settings,
    reloadable: { LOG_LEVEL: ({ LOG_LEVEL }) => void (log.level = LOG_LEVEL) },
    log,
  });
  return {
    log,
    /** Reloads with this text in the file. @returns what is logged meanwhile */
    reload: async (read: () => Promise<Config>) => {
      next = read;
      const before = lines.length;
      await reload();
      return lines.slice(before).map((line) => JSON.parse(line));
    },
  };
}

Deno.test("makeReload() takes up a new log level, and names what needs a restart until it is as it was", async () => {
  const { settings } = await load(VALID);
  const { log, reload } = started(settings);
  const changed = withValue("LOG_LEVEL", "debug").replace("s3cr3tPass", "0th3rPass") +
    "RECEIVE_INCLUDE=calls\n";
  const [first, ...more] = await reload(() => load(changed));
  assert.deepEqual([first.taken, first.needRestart, more], [
    ["LOG_LEVEL"],
    ["RABBITMQ_URL", "RECEIVE_INCLUDE"],
    [],
  ]);
  assert.match(first.msg, /counts from the next start/);
  assert.doesNotMatch(JSON.stringify(first), /0th3r/);
  assert.equal(log.level, "debug");

  const [again] = await reload(() => load(changed));
  assert.deepEqual([again.taken, again.needRestart], [[], ["RABBITMQ_URL", "RECEIVE_INCLUDE"]]);
  const [back] = await reload(() => load(VALID));
  assert.deepEqual([back.taken, back.needRestart], [["LOG_LEVEL"], []]);
  assert.equal(log.level, "info");
});

Deno.test("makeReload() logs every fault of the file and leaves the settings as they were", async () => {
  const { settings } = await load(VALID);
  const { log, reload } = started(settings);
  const lines = await reload(() =>
    load(withValue("LOG_LEVEL", "debug").replace("30000", "soon") + "nonsense\n")
  );
  assert.deepEqual(lines.map(({ level, code, line, faults }) => [level, code ?? faults, line]), [
    [50, "invalid_value", 15],
    [50, "not_an_assignment", 20],
    [50, 2, undefined],
  ]);
  assert.ok(lines[0].remedy, "each with its remedy");
  assert.equal(log.level, "info");
});

Deno.test("makeReload() says what it did at the level that shows it, and warns as a start does", async () => {
  const development = withValue("NODE_ENV", "development");
  const { settings } = await load(development);
  const { reload } = started(settings, "info");
  const quieter = development.replace("LOG_LEVEL=info", "LOG_LEVEL=error");
  const [warning, ...before] = await reload(() => load(quieter, { mode: 0o644 }));
  assert.deepEqual([warning.code, before.map(({ taken }) => taken)], ["world_readable", [["LOG_LEVEL"]]]);
  const after = await reload(() => load(development));
  assert.deepEqual(after.map(({ taken }) => taken), [["LOG_LEVEL"]]);
});

Deno.test("makeReload() goes on after a fault that nobody foresaw", async () => {
  const { settings } = await load(VALID);
  const { reload } = started(settings);
  const [fault] = await reload(() => Promise.reject(new Error("not foreseen")));
  assert.deepEqual([fault.level, fault.err.message], [50, "not foreseen"]);
  const [line] = await reload(() => load(VALID));
  assert.deepEqual([line.taken, line.needRestart], [[], []]);
});

Deno.test("makeReload() reads once for every time it is asked, one after the other", async () => {
  const { settings } = await load(VALID);
  let reading = 0, reads = 0;
  const reload = makeReload({
    load: async () => {
      assert.equal(++reading, 1, "nobody else reads");
      const config = await load(VALID);
      reads++;
      reading--;
      return config;
    },
    settings,
    reloadable: {},
    log: makeLog({ level: "silent", pretty: false, workerId: "worker-1" }),
  });
  await Promise.all([reload(), reload(), reload()]);
  assert.equal(reads, 3);
});

Deno.test("the program reads its file again at SIGHUP, and runs on with its old settings when that is damaged", async () => {
  await using stack = await startStack({ broker });
  const { LOG_LEVEL: _, MESSAGE_TIMEOUT: __, ...environment } = stack.environment;
  const envFile = join(stack.folder, ".env");
  const write = (text: string) => Deno.writeTextFile(envFile, text, { mode: 0o600 });
  await write("LOG_LEVEL=info\nMESSAGE_TIMEOUT=30000\n");
  const program = new Program(environment, stack.folder);
  try {
    await program.printed("the worker is ready");
    await write("LOG_LEVEL=trace\nMESSAGE_TIMEOUT=20000\n");
    program.process.kill("SIGHUP");
    await program.printed('"taken":["LOG_LEVEL"],"needRestart":["MESSAGE_TIMEOUT"]');

    await write('LOG_LEVEL="info\nMESSAGE_TIMEOUT=soon\n');
    program.process.kill("SIGHUP");
    await program.printed("the configuration is refused, and the settings stay as they were");
    for (const code of ["unclosed_quote", "invalid_value"]) assert.ok(program.output().includes(code), code);

    program.process.kill("SIGTERM");
    assert.equal((await program.process.status).code, 0);
  } finally {
    await program.end();
  }
});
