/** Every way in which WhatsApp, or the way to it, ends a link, and what a linked session makes of it. */

import { strict as assert } from "node:assert";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { closingStanza } from "../../stand_in/faults.ts";
import { refusal } from "../../stand_in/login.ts";
import { element } from "../../stand_in/nodes.ts";
import { type StandIn, startStandIn } from "../../stand_in/stand_in.ts";
import { LoneSession, PHONE } from "../lone_session.ts";

/** A way to end a link. */
type Close = (standIn: StandIn) => void;

/** What comes of it: what the backend is told, where the session stands, and when it tries again. */
interface Outcome {
  readonly action: "disconnected" | "logged_out";
  readonly state: string;
  readonly health: readonly [status: string, reason: string];
  readonly pauseMs?: number;
}

// The random part of every pause is 0 here, which leaves half of it.
const RECONNECTS: Outcome = {
  action: "disconnected",
  state: "reconnecting",
  health: ["DISCONNECTED", "reconnecting"],
  pauseMs: 500,
};
const YIELDS: Outcome = {
  action: "disconnected",
  state: "replaced",
  health: ["DISCONNECTED", "replaced"],
  pauseMs: 10 * 60_000,
};
const LEFT_ALONE: Outcome = { ...YIELDS, health: ["DISCONNECTED", "temporarily_banned"] };
/** Tries again when somebody has upgraded the worker, or WhatsApp has changed its mind. */
const WAITS_LONG: Outcome = { ...RECONNECTS, pauseMs: 150_000 };
const LOGGED_OUT: Outcome = { action: "logged_out", state: "ended", health: ["DISCONNECTED", "ended"] };
const BANNED: Outcome = { action: "logged_out", state: "banned", health: ["BANNED", "banned"] };

const streamError = (attrs: Record<string, string>, child?: BinaryNode) =>
  element("stream:error", attrs, child && [child]);
const conflict = (type: string) => element("conflict", { type });

const ended = (last: BinaryNode): Close => ({ faults }) => faults.endWith(last, PHONE);
const closedWith = (code: number): Close => ended(closingStanza(code));

/** On an open link. */
const WHILE_OPEN: readonly (readonly [name: string, close: Close, code: number, reason: string, Outcome])[] =
  [
    ["515, restart required", closedWith(515), 515, "restart_required", RECONNECTS],
    ["408, lost", closedWith(408), 408, "connection_lost", RECONNECTS],
    ["428, the end of the stream", closedWith(428), 428, "connection_closed", RECONNECTS],
    ["500", closedWith(500), 500, "bad_session", RECONNECTS],
    ["503", closedWith(503), 503, "service_unavailable", RECONNECTS],
    ["411, downgraded", closedWith(411), 411, "multidevice_mismatch", RECONNECTS],
    ["405", closedWith(405), 405, "client_outdated", RECONNECTS],
    ["440, replaced", closedWith(440), 440, "connection_replaced", YIELDS],
    ["401, unlinked on the phone", (standIn) => standIn.phone(PHONE).unlink(), 401, "logged_out", LOGGED_OUT],
    [
      "401, device removed",
      ended(streamError({ code: "401" }, conflict("device_removed"))),
      401,
      "logged_out",
      LOGGED_OUT,
    ],
    ["419", closedWith(419), 419, "credentials_void", LOGGED_OUT],
    ["403", closedWith(403), 403, "banned", BANNED],
    ["a failure 400", ended(refusal(400)), 400, "login_failed", RECONNECTS],
    ["a failure 402", ended(refusal(402)), 402, "temporarily_banned", LEFT_ALONE],
    ["a failure 406", ended(refusal(406)), 406, "banned", BANNED],
    ["a failure 503", ended(refusal(503)), 503, "service_unavailable", RECONNECTS],
    ["a failure without a reason", ended(element("failure", {})), 500, "bad_session", RECONNECTS],
    [
      "a stream error about an ack",
      ended(streamError({}, element("ack", {}))),
      500,
      "bad_session",
      RECONNECTS,
    ],
    ["an empty stream error", ended(streamError({})), 500, "bad_session", RECONNECTS],
    ["a code nobody knows", ended(streamError({ code: "799" })), 799, "connection_failed", RECONNECTS],
    [
      "the websocket's goodbye",
      ({ faults }) => faults.sayGoodbye(PHONE),
      428,
      "connection_closed",
      RECONNECTS,
    ],
    ["a link that is cut", ({ faults }) => faults.dropLinks(PHONE), 428, "connection_closed", RECONNECTS],
    [
      "a TCP reset",
      ({ faults }) => faults.dropLinks(PHONE, { reset: true }),
      428,
      "connection_closed",
      RECONNECTS,
    ],
  ];

/** As the answer to the login. */
const AT_LOGIN:
  readonly (readonly [name: string, last: BinaryNode | "cut", code: number, reason: string, Outcome])[] = [
    ["400", refusal(400), 400, "login_failed", RECONNECTS],
    ["408", refusal(408), 408, "connection_lost", RECONNECTS],
    ["411", refusal(411), 411, "multidevice_mismatch", RECONNECTS],
    ["428", refusal(428), 428, "connection_closed", RECONNECTS],
    ["500", refusal(500), 500, "bad_session", RECONNECTS],
    ["501, of which nothing is known", refusal(501), 501, "connection_failed", RECONNECTS],
    ["503", refusal(503), 503, "service_unavailable", RECONNECTS],
    ["515", refusal(515), 515, "restart_required", RECONNECTS],
    ["405", refusal(405), 405, "client_outdated", WAITS_LONG],
    ["402", refusal(402), 402, "temporarily_banned", LEFT_ALONE],
    ["440", refusal(440), 440, "connection_replaced", YIELDS],
    ["a conflict", streamError({}, conflict("replaced")), 440, "connection_replaced", YIELDS],
    ["401", refusal(401), 401, "logged_out", LOGGED_OUT],
    ["419", refusal(419), 419, "credentials_void", LOGGED_OUT],
    ["403", refusal(403), 403, "banned", BANNED],
    ["406", refusal(406), 406, "banned", BANNED],
    ["the end of the link", "cut", 428, "connection_closed", RECONNECTS],
  ];

/** Has a session that was linked end this way and compares; where it waits, it is let go on and has to come back. */
async function comesOf(
  test: LoneSession,
  { code, reason, outcome }: { code: number; reason: string; outcome: Outcome },
): Promise<void> {
  const connects = (await test.told()).filter(({ action }) => action === "connected").length;
  const pause = outcome.pauseMs === undefined ? undefined : await test.paused();
  const said = await test.until(outcome.action);
  assert.deepEqual([said.code, said.reason, said.willReconnect], [code, reason, pause && true]);
  assert.equal(test.session.state, outcome.state);
  const { status, reason: why } = await test.health();
  assert.deepEqual([status, why], outcome.health);
  assert.equal(pause?.ms, outcome.pauseMs);
  if (pause === undefined) return;
  pause.over();
  await test.until("connected", connects + 1);
}

for (const [name, close, code, reason, outcome] of WHILE_OPEN) {
  Deno.test(`Session knows what to do when an open link is ended by ${name}`, async () => {
    await using standIn = await startStandIn();
    await using test = new LoneSession(standIn);
    await test.link(standIn);
    close(standIn);
    await comesOf(test, { code, reason, outcome });
  });
}

for (const [name, last, code, reason, outcome] of AT_LOGIN) {
  Deno.test(`Session knows what to do when its login is answered with ${name}`, async () => {
    await using standIn = await startStandIn();
    await using test = new LoneSession(standIn);
    await test.link(standIn);
    await test.session.close("command");
    standIn.faults.atNextLogin(PHONE, last);
    await test.session.open();
    await comesOf(test, { code, reason, outcome });
  });
}
