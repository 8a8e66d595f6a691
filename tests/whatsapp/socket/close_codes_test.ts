import { strict as assert } from "node:assert";
import {
  closureOf,
  closureOfUpgrade,
  describe,
  type Reaction,
} from "../../../src/whatsapp/socket/close_codes.ts";

const REACTIONS: readonly [code: number, message: string, reason: string, reaction: Reaction][] = [
  [400, "Connection Failure", "login_failed", "reconnect"],
  [401, "Stream Errored (conflict)", "logged_out", "logged_out"],
  [402, "Connection Failure", "temporarily_banned", "yield"],
  [403, "Connection Failure", "banned", "banned"],
  [405, "Connection Failure", "client_outdated", "refresh_version"],
  [406, "Connection Failure", "banned", "banned"],
  [408, "Connection was lost", "connection_lost", "reconnect"],
  [408, "QR refs attempts ended", "qr_expired", "next_qr_attempt"],
  [411, "Multi-device beta not joined", "multidevice_mismatch", "reconnect"],
  [419, "Connection Failure", "credentials_void", "logged_out"],
  [428, "Connection Terminated", "connection_closed", "reconnect"],
  [440, "Stream Errored (conflict)", "connection_replaced", "yield"],
  [500, "Stream Errored (unknown)", "bad_session", "reconnect"],
  [500, "WebSocket Error (invalid peer certificate: UnknownIssuer)", "connection_failed", "reconnect"],
  [503, "Stream Errored (unknown)", "service_unavailable", "reconnect"],
  [515, "Stream Errored (restart required)", "restart_required", "restart"],
  [999, "", "connection_failed", "reconnect"],
  [0, "", "connection_failed", "reconnect"],
];

Deno.test("closureOf() knows every close code", () => {
  for (const [code, message, reason, reaction] of REACTIONS) {
    assert.deepEqual(closureOf(code, message), { code, reason, reaction }, `${code} ${message}`);
  }
});

Deno.test("closureOfUpgrade() never takes a proxy's answer for WhatsApp's word on the account", () => {
  for (const status of [200, 301, 401, 403, 404, 407, 419, 500, 503]) {
    assert.deepEqual(closureOfUpgrade(status), {
      code: status,
      reason: "upgrade_refused",
      reaction: "reconnect",
    });
  }
});

Deno.test("describe() reads a Boom, a plain error and nothing at all", () => {
  const boom = Object.assign(new Error("gone"), { output: { statusCode: 428 } });
  assert.deepEqual(describe(boom), { code: 428, message: "gone" });
  assert.deepEqual(describe(new Error("plain")), { code: 0, message: "plain" });
  assert.deepEqual(describe(undefined), { code: 0, message: "undefined" });
});
