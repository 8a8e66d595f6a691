import { strict as assert } from "node:assert";
import { EventEmitter } from "node:events";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { Backlog } from "../../../src/whatsapp/socket/backlog.ts";
import { type InOrderOptions, takeInOrder } from "../../../src/whatsapp/socket/in_order.ts";

const EVENT = "CB:message";

function stanza(id: string, attrs: Record<string, string> = {}): BinaryNode {
  return { tag: "message", attrs: { id, ...attrs } };
}

/** Stanzas of which the first takes longest, and what was done in which order. */
function setUp(options: Partial<InOrderOptions> = {}) {
  const ws = new EventEmitter();
  const done: string[] = [];
  const all = Promise.withResolvers<void>();
  ws.on(EVENT, async ({ attrs }: BinaryNode) => {
    done.push(`begin ${attrs.id}${attrs.offline ?? ""}`);
    for (let turn = attrs.id === "a" ? 50 : 0; turn > 0; turn--) await Promise.resolve();
    done.push(`end ${attrs.id}`);
    if (attrs.id === "last") all.resolve();
    if (attrs.id === "bad") throw new Error("bad");
  });
  takeInOrder(ws, EVENT, {
    first: () => {},
    isOver: () => false,
    onError: (error) => done.push(String(error)),
    ...options,
  });
  return { ws, done, all: all.promise };
}

Deno.test("takeInOrder() hands one stanza over when the one before is done, whether it waited on the server or not", async () => {
  const { ws, done, all } = setUp();
  ws.emit(EVENT, stanza("a", { offline: "0" }));
  ws.emit(EVENT, stanza("b"));
  ws.emit(EVENT, stanza("last"));
  await all;
  assert.deepEqual(done, ["begin a", "end a", "begin b", "end b", "begin last", "end last"]);
});

Deno.test("takeInOrder() hands over what is done with first, and goes on after what fails", async () => {
  const first = ({ attrs }: BinaryNode) =>
    attrs.id === "lost" ? Promise.reject(new Error("not durable")) : Promise.resolve();
  const { ws, done, all } = setUp({ first });
  for (const id of ["lost", "bad", "last"]) ws.emit(EVENT, stanza(id));
  await all;
  assert.deepEqual(done, [
    "Error: not durable",
    "begin bad",
    "end bad",
    "Error: bad",
    "begin last",
    "end last",
  ]);
});

Deno.test("takeInOrder() leaves to the next socket what still waits when its own is over", async () => {
  let over = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const { ws, done } = setUp({
    isOver: () => {
      if (over) resolve();
      return over;
    },
    first: () => {
      over = true;
    },
  });
  for (const id of ["b", "c"]) ws.emit(EVENT, stanza(id));
  await promise;
  assert.deepEqual(done, ["begin b", "end b"]);
});

Deno.test("Backlog stops the reading when too much waits, and lets it go on when half of that is done", () => {
  const told: string[] = [];
  const flow = { pause: () => told.push("pause"), resume: () => told.push("resume") };
  const backlog = new Backlog(() => flow, 4);
  for (let count = 0; count < 6; count++) backlog.add();
  assert.deepEqual(told, ["pause"]);
  for (let count = 0; count < 3; count++) backlog.done();
  assert.deepEqual(told, ["pause"]);
  backlog.done();
  assert.deepEqual(told, ["pause", "resume"]);
  backlog.done();
  for (let count = 0; count < 3; count++) backlog.add();
  assert.deepEqual(told, ["pause", "resume", "pause"]);
});

Deno.test("takeInOrder() tells its backlog of every stanza, those that fail too", async () => {
  let waiting = 0;
  const backlog = { add: () => void waiting++, done: () => void waiting-- };
  const { ws, all } = setUp({ backlog });
  for (const id of ["bad", "last"]) ws.emit(EVENT, stanza(id));
  assert.equal(waiting, 2);
  await all;
  while (waiting > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});
