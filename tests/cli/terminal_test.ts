/** The commands at a terminal, and beside a running worker. */
import { strict as assert } from "node:assert";
import { visible, visibleJson, visibleLines } from "../../src/cli/terminal.ts";
import { NAMES, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import { workerCommand } from "../worker_command.ts";
import { type Office, openOffice, send } from "./letters.ts";

const broker = await sharedBroker();

/** Runs the program at a terminal of its own, where `answer` is typed. */
async function atTerminal(office: Office, args: readonly string[], answer: string): Promise<string> {
  const worker = workerCommand([...args, "--env-file", office.installation.envFile]);
  const child = new Deno.Command("script", {
    args: ["-qec", [worker.program, ...worker.args].join(" "), "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const typed = child.stdin.getWriter();
  await typed.write(new TextEncoder().encode(`${answer}\n`));
  const { stdout } = await child.output();
  await typed.close().catch(() => {});
  return new TextDecoder().decode(stdout);
}

Deno.test("worker dead-letters drop --all asks at a terminal, and takes no for an answer", async () => {
  await using office = await openOffice(broker);
  await office.put({ content: send(1) }, { content: send(2), reason: "malformed_json" });
  const refused = await atTerminal(office, ["dead-letters", "drop", "--all"], "n");
  assert.match(refused, /Drop 2 dead letters \(handler_failed, malformed_json\) for good\?/);
  assert.match(refused, /Nothing was dropped/);
  assert.equal((await office.list()).total, 2);
  const agreed = await atTerminal(office, ["dead-letters", "drop", "--all"], "y");
  assert.equal(agreed.match(/dropped {3}/g)?.length, 2);
  assert.equal((await office.list()).total, 0);
});

Deno.test("worker session unpin asks at a terminal and says what will happen", async () => {
  await using office = await openOffice(broker, {
    queues: [NAMES.number("6"), NAMES.messageSend, NAMES.pending],
  });
  await office.onlooker.publish("", NAMES.number("6"), send(1));
  const args = ["session", "unpin", "6", "--worker", "worker-1"];
  const refused = await atTerminal(office, args, "");
  assert.match(refused, /1 waiting sends will be answered FAILED no_session/);
  assert.match(refused, /if 'worker-1' ever comes back with its disk, it takes the number again/);
  assert.match(refused, /Nothing was changed/);
  assert.equal(await office.onlooker.depth(NAMES.number("6")), 1);
  assert.match(await atTerminal(office, args, "y"), /Number 6 is free/);
  assert.equal(await office.onlooker.depth(NAMES.messageSend), 1);
});

Deno.test("worker dead-letters requeue hands a letter to the running worker, and its deaths are counted", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await using office = await openOffice(broker, { url: stack.url });
  await stack.backend.command({ action: "create", numberId: 6 });
  const refusals = () => stack.backend.received.filter(({ body }) => body.code === "invalid_command").length;
  const dead = { describe: "a dead letter", timeoutMs: 20_000 };
  await until(async () => await office.onlooker.depth(NAMES.deadLetter) === 1, dead);
  const [first] = (await office.list()).letters;
  assert.deepEqual([first?.reason, first?.count], ["invalid_command", 1]);
  const { code, stderr } = await office.run("dead-letters", "requeue", first!.id);
  assert.equal(code, 0, stderr);
  await until(() => refusals() === 2, dead);
  await until(async () => await office.onlooker.depth(NAMES.deadLetter) === 1, dead);
  const [second] = (await office.list()).letters;
  assert.deepEqual([second?.reason, second?.count], ["invalid_command", 2]);
  assert.notEqual(second?.id, first?.id);
});

Deno.test("worker --help of every command fits a screen", async () => {
  for (const args of [["--help"], ["dead-letters", "--help"], ["session", "unpin", "--help"]]) {
    const worker = workerCommand(args);
    const { code, stdout } = await new Deno.Command(worker.program, { args: worker.args }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    assert.equal(code, 0);
    assert.ok(lines.length <= 36, `${args.join(" ")} has ${lines.length} lines`);
    assert.ok(lines.every((line) => line.length <= 120));
  }
});

Deno.test("visible() and visibleJson() leave nothing that steers a terminal", () => {
  assert.equal(visible("a\x1b[31m\u202e\ud800\n"), "a\\u{1b}[31m\\u{202e}\\u{d800}\\u{a}");
  assert.equal(visible("🙂🙂🙂", 2), "🙂…");
  assert.deepEqual(visibleLines("a\tb\r\nc\x00"), ["a\tb", "c\\u{0}"]);
  const value = { text: "\x1b\u009b\u202e\u{e0001}é🙂" };
  const json = visibleJson(JSON.stringify(value, undefined, 2));
  assert.match(json, /^[\n -~é🙂]+$/u);
  assert.deepEqual(JSON.parse(json), value);
});
