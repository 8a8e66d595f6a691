import { strict as assert } from "node:assert";
import { ConnectGate } from "../../../src/whatsapp/session/connect_gate.ts";
import { startStandIn } from "../../stand_in/stand_in.ts";
import { LoneSession } from "../lone_session.ts";

const SESSIONS = 24;
const CONNECTED = "221770000000";
const FRIEND = "221779999999";
/** Fewer than ever come through: they take their time as well. */
const LEAST_MESSAGES = SESSIONS / 6;

/** Writes down when it lets somebody through. */
class WatchedGate extends ConnectGate {
  constructor(readonly happened: string[]) {
    super();
  }

  override async pass(...args: Parameters<ConnectGate["pass"]>): Promise<() => void> {
    const settle = await super.pass(...args);
    this.happened.push("connect");
    return settle;
  }
}

Deno.test("Sessions that lose their links at once all come back, and messages of another go through in between", async () => {
  await using resources = new AsyncDisposableStack();
  const standIn = resources.use(await startStandIn());
  const happened: string[] = [];
  const gate = new WatchedGate(happened);
  const make = (phoneNumber: string) => resources.use(new LoneSession(standIn, { phoneNumber, gate }));
  const connected = make(CONNECTED);
  const numbers = Array.from({ length: SESSIONS }, (_, index) => String(Number(CONNECTED) + index + 1));
  const lost = numbers.map(make);
  await Promise.all([connected, ...lost].map((session) => session.link(standIn)));
  for (const number of numbers) standIn.faults.dropLinks(number);
  await Promise.all(lost.map((session) => session.paused()));
  assert.equal(standIn.clients.length, 1);
  happened.length = 0;

  let allBack = false;
  const messages = async () => {
    const friend = standIn.contact(FRIEND);
    while (!allBack) {
      await friend.receipt(await friend.sendText(CONNECTED, "ça va ?"), "delivered", 60_000);
      happened.push("message");
    }
  };
  const sending = messages();
  for (const session of lost) session.hurry();
  await Promise.all(lost.map((session) => session.until("connected", 2)));
  allBack = true;
  await sending;

  assert.equal(standIn.clients.length, SESSIONS + 1);
  assert.equal(happened.filter((what) => what === "connect").length, SESSIONS, "one attempt each");
  const during = happened.slice(happened.indexOf("connect"), happened.lastIndexOf("connect"));
  const through = during.filter((what) => what === "message").length;
  assert(through >= LEAST_MESSAGES, `${through} messages came through while the sessions came back`);
});
