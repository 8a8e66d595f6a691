/** However commands and closes fall together, a session has one socket at a time. */

import { strict as assert } from "node:assert";
import { setImmediate } from "node:timers/promises";
import { closingStanza } from "../../stand_in/faults.ts";
import { startStandIn } from "../../stand_in/stand_in.ts";
import { Random } from "../../torture/random.ts";
import { LoneSession, PHONE } from "../lone_session.ts";

const STEPS = 200;
const CODES = [405, 408, 411, 428, 440, 500, 503, 515];
/** Of the event loop: enough for some part of a login. */
const MOST_TURNS = 300;
/** How long a login is waited for that may not come. */
const PATIENCE_MS = 500;

for (const seed of ["one", "two", "three"]) {
  Deno.test(`Session never has two links, whatever happens at once (seed ${seed})`, async () => {
    await using standIn = await startStandIn();
    await using test = new LoneSession(standIn);
    await test.link(standIn);
    const { session } = test;
    const random = new Random(seed);
    const { faults } = standIn;
    const commands: Promise<unknown>[] = [];
    const code = () => random.pick(CODES);
    const linked = async () => {
      const patience = AbortSignal.timeout(PATIENCE_MS);
      while (!patience.aborted && session.state !== "connected" && session.state !== "closed") {
        test.hurry();
        await setImmediate();
      }
    };
    const happenings: readonly (() => void | Promise<unknown>)[] = [
      () => void commands.push(session.open()),
      () => void commands.push(session.open()),
      () => void commands.push(session.open(), session.close("command"), session.open()),
      () => void commands.push(session.close("command")),
      () => faults.closeWith(code()),
      () => faults.closeWith(code()),
      () => faults.dropLinks(),
      () => faults.atNextLogin(PHONE, random.next() < 0.5 ? "cut" : closingStanza(code())),
      () => faults.refuseUpgrade(random.next() < 0.2 ? 503 : null, { hangUp: random.next() < 0.5 }),
      () => test.hurry(),
    ];
    let most = 0;
    for (let step = 0; step < STEPS; step++) {
      await random.pick(happenings)();
      if (random.next() < 0.3) await linked();
      const turns = random.skewed(0, MOST_TURNS);
      for (let turn = 0; turn < turns; turn++) {
        await setImmediate();
        most = Math.max(most, standIn.clients.length);
      }
    }
    await Promise.all(commands);
    faults.clear();
    await session.open();
    while (session.state !== "connected") await linked();

    assert(standIn.stats.logins > STEPS / 10, `${standIn.stats.logins} logins: it has not been idle`);
    assert.deepEqual(standIn.clients, [{ number: PHONE, deviceId: 1 }], "one in the end");
    assert.equal(most, 1, "never two");
    assert.equal(standIn.stats.overlaps, 0, "no new one before the old one was gone");
    assert.deepEqual(standIn.stats.violations, []);
    await session.close("command");
    assert.deepEqual(standIn.clients, [], "none is left behind");
  });
}

Deno.test("Session logs out on one socket after the other, when the first is deaf and does not even say goodbye", async () => {
  await using standIn = await startStandIn();
  await using test = new LoneSession(standIn, { probe: { intervalMs: 50, patienceMs: 50 } });
  await test.link(standIn);
  const { logins } = standIn.stats;
  standIn.faults.freeze();
  await test.session.update({ atStart: "log_out" });
  const asked = test.session.logOut();
  const { over } = await test.paused();
  assert.equal((await test.until("disconnected")).reason, "deaf");
  over();
  await test.until("logged_out");
  await asked;
  assert.deepEqual([standIn.stats.unlinks, standIn.stats.logins - logins], [1, 1]);
});
