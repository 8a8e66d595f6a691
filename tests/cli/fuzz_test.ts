/** Dead letters that somebody made to do harm. */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { withBroker } from "../../src/cli/broker.ts";
import { DEAD_LETTERS } from "../../src/cli/dead_letters.ts";
import type { Options } from "../../src/cli/options.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { loadConfig } from "../../src/config/load.ts";
import { lookThrough } from "../../src/broker/dead_letter_box.ts";
import { NAMES } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Office, openOffice } from "./letters.ts";

const broker = await sharedBroker();

const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.integer(),
  fc.double({ min: -1e15, max: 1e15 }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom("\x1b]0;x\x07", "\u202e", "\x00", "\ud800", "__proto__", "x".repeat(20_000)),
);
const { tree } = fc.letrec<{ tree: unknown; node: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 6 }, leaf, tie("node")),
  node: fc.oneof(
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "binary", maxLength: 20 }), tie("tree"), { maxKeys: 4 }),
  ),
}));
const header = fc.oneof(
  fc.constantFrom("reason", "queue", "exchange", "routing-key", "time", "count", "worker", "").map((name) =>
    `x-dead-${name}`
  ),
  fc.constantFrom("__proto__", "constructor", "x-death", "x-expires-at", "x-publish-id"),
  fc.string({ unit: "binary", maxLength: 60 }),
);
const letter = fc.record({
  content: fc.oneof(
    fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    tree.map((value) =>
      Buffer.from(JSON.stringify({ action: value, numberId: value, messageId: value }) ?? "")
    ),
    fc.constantFrom(1_000, 100_000).map((depth) => Buffer.from("[".repeat(depth))),
  ),
  headers: fc.dictionary(header, tree, { maxKeys: 6, noNullPrototype: true }),
  messageId: fc.option(fc.string({ unit: "binary", maxLength: 60 }), { nil: undefined }),
});

/** Carries a command out in this process. */
async function carryOut(office: Office, name: string, operands: string[], options: Options) {
  const { settings } = await loadConfig({ envFile: office.installation.envFile, environment: {} });
  let printed = "", told = "";
  const terminal: Terminal = {
    print: (text) => void (printed += `${text}\n`),
    tell: (line) => void (told += `${line}\n`),
    confirm: undefined,
    progress: () => {},
    endProgress: () => {},
  };
  const command = DEAD_LETTERS.commands.find((command) => command.name === `dead-letters ${name}`);
  assert.ok(command && "run" in command);
  const code = await command.run({ settings, operands, options, terminal });
  assert.ok(
    isVisible(`${printed}${told}`),
    `'${name}' prints what steers a terminal: ${JSON.stringify(printed)}`,
  );
  return { code, printed, told };
}

/** Nothing but text, lines and columns. */
const isVisible = (text: string) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text.replace(/[\n\t]/g, ""));

Deno.test("worker dead-letters reads, sends back and drops whatever lies in the queue", async () => {
  await using office = await openOffice(broker, { queues: [NAMES.deadLetter, NAMES.messageSend] });
  const letters = fc.sample(letter, { numRuns: 300, seed: 20_261 });
  let put = 0;
  for (const { content, headers, messageId } of letters) {
    try {
      await office.onlooker.publish("", NAMES.deadLetter, content, {
        headers: { "x-dead-queue": NAMES.messageSend, ...headers },
        ...(messageId !== undefined && { messageId }),
      });
      put++;
    } catch (error) {
      // What AMQP cannot carry does not get here.
      assert.ok(error instanceof Error);
    }
  }
  assert.ok(put > 200, `${put} letters can be written`);

  await carryOut(office, "list", [], {});
  const { printed } = await carryOut(office, "list", [], { json: true });
  const listed = JSON.parse(printed);
  assert.equal(listed.letters.length, put);
  const ids: string[] = listed.letters.map(({ id }: { id: string }) => id);
  assert.equal(new Set(ids).size, put, "every letter has an id of its own");
  for (const id of ids.slice(0, 12)) {
    await carryOut(office, "show", [id], {});
    assert.equal(JSON.parse((await carryOut(office, "show", [id], { json: true })).printed).id, id);
  }
  const before = await office.onlooker.depth(NAMES.deadLetter);
  const requeued = JSON.parse((await carryOut(office, "requeue", [], { all: true, json: true })).printed);
  assert.equal(requeued.letters.length, put);
  const kept = requeued.letters.filter(({ outcome }: { outcome: string }) => outcome === "kept").length;
  assert.equal(await office.onlooker.depth(NAMES.deadLetter), kept);
  assert.equal(before, put);
  await carryOut(office, "drop", [], { all: true, yes: true });
  assert.equal(await office.onlooker.depth(NAMES.deadLetter), 0);
});

Deno.test("lookThrough() stands headers nested as deep as a frame allows", async () => {
  await using office = await openOffice(broker);
  for (const depth of [100, 500, 1_000, 2_000]) {
    let nested: Record<string, unknown> = {};
    for (let level = 0; level < depth; level++) nested = { n: nested };
    await office.onlooker.publish("", NAMES.deadLetter, Buffer.from("{}"), { headers: { nested } });
  }
  const { settings } = await loadConfig({ envFile: office.installation.envFile, environment: {} });
  const ids = new Set<string>();
  await withBroker(settings, (link) => lookThrough(link, NAMES, ({ id }) => void ids.add(id)));
  assert.equal(ids.size, 4);
  for (const id of ids) await carryOut(office, "show", [id], { json: true });
});
