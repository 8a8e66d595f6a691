import { strict as assert } from "node:assert";
import {
  type Condition,
  type Health,
  healthOf,
  type SessionState,
} from "../../../src/whatsapp/session/states.ts";

const WELL: Condition = { deaf: false, warnings: [] };
const DEAF: Condition = { deaf: true, warnings: ["restricted"] };
const WARNED: Condition = { deaf: false, warnings: ["phone_unseen", "restricted"] };

const UNHEALTHY: Health = { status: "UNHEALTHY", reason: "deaf" };
const disconnected = (reason: string): Health => ({ status: "DISCONNECTED", reason });

/** For each state how the number is: when all is well, after a deaf socket, with warnings. */
const RULES: Record<SessionState, [well: Health, deaf: Health, warned: Health]> = {
  connected: [
    { status: "HEALTHY" },
    UNHEALTHY,
    { status: "HEALTHY", reason: "phone_unseen", warnings: ["phone_unseen", "restricted"] },
  ],
  connecting: [disconnected("connecting"), UNHEALTHY, disconnected("connecting")],
  reconnecting: [disconnected("reconnecting"), UNHEALTHY, disconnected("reconnecting")],
  closed: same(disconnected("closed")),
  awaiting_scan: same(disconnected("awaiting_scan")),
  replaced: same(disconnected("replaced")),
  ended: same(disconnected("ended")),
  banned: same({ status: "BANNED", reason: "banned" }),
  unusable: same({ status: "UNHEALTHY", reason: "credentials_unreadable" }),
};

function same(health: Health): [Health, Health, Health] {
  return [health, health, health];
}

Deno.test("healthOf() says what a session that is not connected cannot be connected for", () => {
  const obstructed = { ...WELL, obstacle: "untrusted_server" };
  assert.deepEqual(healthOf("reconnecting", obstructed), disconnected("untrusted_server"));
  assert.deepEqual(healthOf("connected", obstructed), { status: "HEALTHY" });
});

for (const [state, expected] of Object.entries(RULES) as [SessionState, Health[]][]) {
  Deno.test(`healthOf() says how a number is that is '${state}'`, () => {
    const found = [WELL, DEAF, WARNED].map((condition) => healthOf(state, condition));
    assert.deepEqual(found, expected);
  });
}
