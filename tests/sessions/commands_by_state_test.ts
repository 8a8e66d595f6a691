/** Every command in every situation: what is answered, and how the session is afterwards. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { healthOf, type SessionState } from "../../src/whatsapp/session/states.ts";
import type { Received } from "../backend/backend.ts";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Stack, startStack } from "../stack.ts";
import {
  type Command,
  COMMANDS,
  type Outcome,
  renderedLegend,
  renderedTable,
  type Situation,
  SITUATIONS,
} from "./commands_by_state.ts";
import { REACH, type Scene } from "./situations.ts";
import { assertNoErrorsLogged, events, type Line, line, stateOf } from "./steps.ts";

const broker = await sharedBroker();

/** Eight commands are carried out one after the other. */
const PATIENCE_MS = 30_000;

/** What the answer to the command is, what `status` says once it has come, and whether credentials are there then. */
interface Expected {
  readonly action: string;
  readonly fields?: Record<string, unknown>;
  /** What `status` says, `as before` the command, or the state of a command that changed nothing. */
  readonly state: SessionState | "NOT_FOUND" | "as before";
  readonly linked: boolean | "as before";
  /** What a restart makes of it. */
  readonly atStart: string | undefined;
}

const EXPECTED: Record<Outcome, Expected> = {
  "fresh QR": {
    action: "qr_generated",
    fields: { attempt: 1 },
    state: "awaiting_scan",
    linked: false,
    atStart: "open",
  },
  "same QR": { action: "qr_generated", state: "awaiting_scan", linked: false, atStart: "open" },
  "fresh code": { action: "pairing_code", state: "awaiting_scan", linked: false, atStart: "open" },
  "same code": { action: "pairing_code", state: "awaiting_scan", linked: false, atStart: "open" },
  "connects": {
    action: "connected",
    fields: { message: undefined },
    state: "connected",
    linked: true,
    atStart: "open",
  },
  "is connected": { action: "connected", state: "connected", linked: true, atStart: "open" },
  "closed": {
    action: "closed",
    fields: { reason: "command" },
    state: "closed",
    linked: "as before",
    atStart: "closed",
  },
  "logged out": {
    action: "logged_out",
    fields: { reason: "logout", code: undefined },
    state: "NOT_FOUND",
    linked: false,
    atStart: undefined,
  },
  "forgotten": {
    action: "logged_out",
    fields: { reason: "logout", code: undefined },
    state: "NOT_FOUND",
    linked: false,
    atStart: undefined,
  },
  "no session": {
    action: "error",
    fields: { code: "no_session" },
    state: "NOT_FOUND",
    linked: false,
    atStart: undefined,
  },
  "unreadable": {
    action: "error",
    fields: { code: "credentials_unreadable" },
    state: "unusable",
    linked: true,
    atStart: "open",
  },
  "told": { action: "session_status", state: "as before", linked: "as before", atStart: undefined },
};

for (const [name, { state, row }] of Object.entries(SITUATIONS)) {
  Deno.test(`commands about a number: ${name}`, async () => {
    await using stack = await startStack({ broker });
    const lines = COMMANDS.map((_command, index) => line(index + 1));
    const scene: Scene = { stack, lines, worker: await stack.startWorker() };
    await REACH[name as Situation](scene);
    const linkedBefore = lines.map(({ phoneNumber }) => stack.standIn.phone(phoneNumber).linked);
    const shownBefore = lines.map((line) => shown(stack, line));

    const asked = await Promise.all(lines.map((line, index) => ask(stack, line, COMMANDS[index]!)));
    // `status` was sent last and is answered last: all of them were taken in this situation.
    const status = COMMANDS.indexOf("status");
    const { body } = await answerTo(stack, asked[status]!, EXPECTED.told);
    const { status: health, reason } = body;
    if (state === "NOT_FOUND") assert.equal(health, "NOT_FOUND");
    else {assert.deepEqual({ state: body.state, status: health, reason }, {
        state,
        ...healthWithReason(state),
      });}
    stack.standIn.faults.release();

    for (const [index, outcome] of row.entries()) {
      const [line, expected] = [lines[index]!, EXPECTED[outcome]];
      if (index === status) continue;
      const what = `${COMMANDS[index]} → ${outcome}`;
      const answer = await answerTo(stack, asked[index]!, expected);
      checkInvitation(outcome, answer, shownBefore[index]!, what);
      if (outcome === "is connected") assert.ok(answer.body.message, what);
      const after = state === "banned" && outcome === "closed" ? "banned" : expected.state;
      await checkStanding(stack, line, after, what);
      if (outcome === "logged out") assert.ok(!stack.standIn.phone(line.phoneNumber).linked, what);
    }
    // A number that was only asked about goes on as if it had not been.
    await checkSockets(stack, lines);
    await scene.worker.stop();
    for (const [index, outcome] of row.entries()) {
      if (index === status) continue;
      const { linked, atStart } = EXPECTED[outcome];
      const banned = state === "banned" && outcome === "closed";
      const kept = banned ? false : linked === "as before" ? linkedBefore[index]! : linked;
      assert.deepEqual(
        stored(stack, lines[index]!),
        { linked: kept, atStart: banned ? "banned" : atStart },
        `${COMMANDS[index]} → ${outcome}`,
      );
    }
    if (state !== "unusable") assertNoErrorsLogged(stack);
  });
}

Deno.test("docs/sessions.md shows the table as it is tested", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/sessions.md", import.meta.url));
  const rows = text.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.slice(1, -1).split("|").map((cell) => cell.trim()).join("|")
  );
  for (const cells of [...renderedTable(), ...renderedLegend()]) {
    assert.ok(rows.includes(cells.join("|")), `missing: | ${cells.join(" | ")} |`);
  }
});

/** Sends a command as a backend does that knows number and phone; those that open nothing name the number alone. */
async function ask({ backend }: Stack, { numberId, phoneNumber }: Line, command: Command): Promise<string> {
  const opens = command === "create" || command === "pairing_code";
  return await backend.command({ action: command, numberId, ...(opens ? { phoneNumber } : {}) });
}

/** The answer under the command's own id. */
function answerTo(
  { backend }: Stack,
  commandId: string,
  { action, fields = {} }: Expected,
): Promise<Received> {
  return backend.next(
    ({ body, properties }) =>
      properties.correlationId === commandId && body.action === action &&
      Object.entries(fields).every(([key, value]) => body[key] === value),
    { describe: `${action} ${JSON.stringify(fields)} in answer to ${commandId}`, timeoutMs: PATIENCE_MS },
  );
}

/** The QRs and codes a number has been shown. */
function shown(stack: Stack, line: Line): unknown[] {
  return [
    ...events(stack, line, "qr_generated").map(({ body }) => body.qrCode),
    ...events(stack, line, "pairing_code").map(({ body }) => body.pairingCode),
  ];
}

function checkInvitation(outcome: Outcome, { body }: Received, before: unknown[], what: string): void {
  const invitation = body.qrCode ?? body.pairingCode;
  if (outcome.startsWith("fresh")) assert.ok(!before.includes(invitation), what);
  if (outcome.startsWith("same")) assert.equal(invitation, before.at(-1), what);
}

/** `status` tells this state, and the latest health report agrees with it. */
async function checkStanding(
  stack: Stack,
  line: Line,
  state: Expected["state"],
  what: string,
): Promise<void> {
  const told = await stateOf(stack, line);
  if (state === "NOT_FOUND") return assert.equal(told.status, "NOT_FOUND", what);
  assert.equal(told.state, state, what);
  const expected = healthWithReason(state);
  await until(() => {
    const last = events(stack, line, "number_health").at(-1)?.body;
    return last?.status === expected.status && last.reason === expected.reason;
  }, { describe: `${what}: health ${JSON.stringify(expected)}` });
}

/** One socket for each session that is connected or waits for its phone, and no other. */
async function checkSockets(stack: Stack, lines: readonly Line[]): Promise<void> {
  await until(async () => {
    const states = await Promise.all(lines.map(async (line) => (await stateOf(stack, line)).state));
    const wanted = lines.filter((_line, index) => states[index] === "connected").map((line) =>
      line.phoneNumber
    );
    const waiting = states.filter((state) => state === "awaiting_scan").map(() => "nobody's");
    const open = stack.standIn.clients.map(({ number = "nobody's" }) => number);
    return JSON.stringify(open.toSorted()) === JSON.stringify([...wanted, ...waiting].toSorted());
  }, { describe: "one socket each" });
}

/** What is on disk of a number. */
function stored({ environment }: Stack, { numberId }: Line): { linked: boolean; atStart: unknown } {
  using database = new DatabaseSync(join(environment.SESSION_DIR!, "worker.db"), { readOnly: true });
  const one = (sql: string) => database.prepare(sql).get(String(numberId));
  const atStart = one("SELECT at_start FROM session WHERE number_id = ? AND at_start <> 'forget'")?.at_start;
  return { linked: one("SELECT 1 FROM credential WHERE number_id = ?") !== undefined, atStart };
}

function healthWithReason(state: SessionState | string): { status: string; reason: string | undefined } {
  const { status, reason } = healthOf(state as SessionState, { deaf: false, warnings: [] });
  return { status, reason };
}
