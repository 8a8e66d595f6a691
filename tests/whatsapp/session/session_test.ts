import { strict as assert } from "node:assert";
import { startStandIn } from "../../stand_in/stand_in.ts";
import { LoneSession } from "../lone_session.ts";

Deno.test("Session.open() leaves one socket, however many ask for it at once", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  const { session } = test;
  await Promise.all([
    session.open(),
    session.open(),
    session.close("command"),
    session.open(),
    session.open(),
  ]);
  await test.until("qr_generated");
  assert.equal(session.state, "awaiting_scan");
  assert.equal(standIn.clients.length, 1);
  assert.deepEqual(await test.actions(), ["qr_generated"], "what was overtaken has said nothing");
});

Deno.test("Session.close() wins over a reconnect that waits for its pause", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refuseUpgrade(503);
  await using test = new LoneSession(standIn);
  await test.session.open();
  await test.until("disconnected");
  standIn.faults.refuseUpgrade(null);
  await test.session.close("command");
  assert.equal(test.session.state, "closed");
  assert.deepEqual(await test.actions(), ["disconnected", "closed"]);
  assert.deepEqual(standIn.clients, []);
});

Deno.test("Session.shutDown() says nothing, and nothing happens after it", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  await test.session.open();
  await test.until("qr_generated");
  await test.session.shutDown();
  assert.deepEqual(await test.actions(), ["qr_generated"]);
});

Deno.test("Session.logOut() tells one end of a session, and ends it once", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  await test.session.open();
  await test.until("qr_generated");
  await Promise.all([test.session.logOut(), test.session.open()]);
  if (test.session.state !== "ended") await test.session.logOut();
  assert.equal((await test.actions()).filter((action) => action === "logged_out").length, 1);
  assert.equal(test.ended, 1);
});
