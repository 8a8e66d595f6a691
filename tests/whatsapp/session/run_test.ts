import { strict as assert } from "node:assert";
import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";
import { ConnectGate } from "../../../src/whatsapp/session/connect_gate.ts";
import { startStandIn } from "../../stand_in/stand_in.ts";
import { LoneSession } from "../lone_session.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const [, , REVISION] = DEFAULT_CONNECTION_CONFIG.version;

Deno.test("Run tries again for ever, with pauses that grow, while WhatsApp cannot be reached", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  await test.link(standIn);
  standIn.faults.refuseLogins(503);
  standIn.faults.closeWith(503);
  const taken: number[] = [];
  for (let attempt = 0; attempt < 14; attempt++) {
    const { ms, over } = await test.paused();
    taken.push(ms / SECOND);
    over();
  }
  // Nothing is left to chance here: the random part of each is 0.
  assert.deepEqual(taken, [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150, 150, 150]);
  const { over } = await test.paused();
  standIn.faults.refuseLogins(null);
  over();
  await test.until("connected", 2);
  assert.equal((await test.told()).filter(({ action }) => action === "disconnected").length, 1, "said once");
});

Deno.test("Run keeps away long after another connection took over, and comes back by itself", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  await test.link(standIn);
  standIn.faults.closeWith(440);
  const { ms, over } = await test.paused();
  assert.equal(ms, 10 * MINUTE);
  assert.equal(test.session.state, "replaced");
  assert.deepEqual(standIn.clients, []);
  over();
  await test.until("connected", 2);
});

Deno.test("Run does not fight with a second process that has the same credentials", async () => {
  await using standIn = await startStandIn();
  await using one = new LoneSession(standIn);
  await one.link(standIn);
  await using other = new LoneSession(standIn, { other: one });
  const linkedBefore = standIn.stats.logins;
  await other.session.open();
  const taken: [string, number][] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (const [name, session] of [["one", one], ["other", other]] as const) {
      const { ms, over } = await session.paused();
      taken.push([name, ms / MINUTE]);
      over();
    }
  }
  assert.deepEqual(taken, [["one", 10], ["other", 10], ["one", 20], ["other", 20], ["one", 40], [
    "other",
    40,
  ]]);
  const { ms } = await one.paused();
  assert.equal(ms / MINUTE, 80);
  // One login for each pause, and that of the other one's start: whoever has the number keeps it that long.
  assert.equal(standIn.stats.logins - linkedBefore, 1 + taken.length);
  assert.equal(standIn.clients.length, 1);
});

Deno.test("Run logs in with the version of WhatsApp's page once its own is refused", async () => {
  await using standIn = await startStandIn();
  standIn.page.revision = standIn.faults.leastRevision = REVISION + 1;
  await using test = new LoneSession(standIn);
  await test.session.open();
  const { ms, over } = await test.paused();
  assert.equal(ms, 0.5 * SECOND);
  over();
  await test.until("qr_generated");
  assert.deepEqual(standIn.stats.versions, [`2.3000.${REVISION}`, `2.3000.${REVISION + 1}`]);
  const [refused] = await test.told();
  assert.deepEqual([refused!.action, refused!.code, refused!.reason, refused!.willReconnect], [
    "disconnected",
    405,
    "client_outdated",
    true,
  ]);
});

Deno.test("Run never loops when every version is refused: each login is followed by the longest pause", async () => {
  await using standIn = await startStandIn();
  standIn.page.answer = (response) => void response.writeHead(404).end();
  standIn.faults.leastRevision = REVISION + 1;
  await using test = new LoneSession(standIn);
  await test.session.open();
  for (let attempt = 1; attempt <= 4; attempt++) {
    const { ms, over } = await test.paused();
    assert.equal(ms, 2.5 * MINUTE, "half of the longest, which the random part adds to");
    assert.equal(standIn.stats.versions.length, attempt);
    over();
  }
  await test.paused();
  assert.deepEqual((await test.told()).map(({ action, code }) => [action, code]), [
    ["disconnected", 405],
    ["error", "client_outdated"],
  ]);
  assert.equal(standIn.page.requests, 1);
});

Deno.test("Run takes a 405 on an open link for no verdict on the version it has logged in with", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn);
  await test.link(standIn);
  standIn.faults.closeWith(405);
  const { ms, over } = await test.paused();
  assert.equal(ms, 0.5 * SECOND);
  over();
  await test.until("connected", 2);
  assert.equal(standIn.page.requests, 0);
});

Deno.test("Run goes before others through the gate while somebody waits for it, and only then", async () => {
  const urgencies: (boolean | undefined)[] = [];
  class WatchedGate extends ConnectGate {
    override async pass(...[signal, options]: Parameters<ConnectGate["pass"]>): Promise<() => void> {
      urgencies.push(options?.urgent);
      return await super.pass(signal, options);
    }
  }
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn, { gate: new WatchedGate() });
  await test.link(standIn);
  standIn.faults.dropLinks();
  (await test.paused()).over();
  await test.until("connected", 2);
  await test.session.close("command");
  await test.session.open({ asked: false });
  await test.until("connected", 3);
  assert.deepEqual(urgencies, [true, true, false, false], "paired in two connects; a lost link; a restart");
});
