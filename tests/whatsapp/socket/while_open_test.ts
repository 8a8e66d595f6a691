import { strict as assert } from "node:assert";
import { EventEmitter } from "node:events";
import { whileOpen } from "../../../src/whatsapp/socket/while_open.ts";

type Baileys = Parameters<typeof whileOpen>[0];

/** The part of a socket that {@link whileOpen} looks at, and how many listen to it. */
function socket() {
  const ev = new EventEmitter();
  return {
    baileys: { ev } as unknown as Baileys,
    close: () => ev.emit("connection.update", { connection: "close" }),
    listeners: () => ev.listenerCount("connection.update"),
  };
}

Deno.test("whileOpen() gives the answer, or its error, and listens no longer", async () => {
  const { baileys, listeners } = socket();
  assert.equal(await whileOpen(baileys, 60_000, Promise.resolve("yes")), "yes");
  await assert.rejects(whileOpen(baileys, 60_000, Promise.reject(new Error("no"))), /no/);
  assert.equal(listeners(), 0);
});

Deno.test("whileOpen() waits no longer for an answer when the socket is closed, or when its time is up", async () => {
  const { baileys, close, listeners } = socket();
  const never = new Promise<never>(() => {});
  const waiting = whileOpen(baileys, 60_000, never);
  close();
  assert.equal(await waiting, undefined);
  assert.equal(await whileOpen(baileys, 1, never), undefined);
  assert.equal(listeners(), 0);
});
