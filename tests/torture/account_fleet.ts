/** How the workers, the broker and WhatsApp were left. */

import { EXIT } from "../../src/exit_codes.ts";
import type { Received } from "../backend/backend.ts";
import { assertContract } from "../stack.ts";
import type { Account, Facts, Hole } from "./facts.ts";
import { instant } from "./instant.ts";
import type { Exit } from "./supervised_worker.ts";

/** What a worker says of itself, as far as it is looked at here. */
interface Report {
  readonly totalSessions: number;
  readonly connectedSessions: number;
  readonly outbox: { readonly depth: number };
  readonly broker: { readonly state: string; readonly reader: boolean };
  readonly unhandledFaults: number;
}

/** Accounts for what is not one message's. */
export function accountForFleet(facts: Facts): Account {
  const reports = [...lastReports(facts)];
  const sessions = reports.reduce((sum, [, report]) => sum + (report?.totalSessions ?? 0), 0);
  const readers = reports.filter(([, report]) => report?.broker.reader).length;
  const holes = [
    ...facts.received.flatMap(againstContract),
    ...facts.received.flatMap(unexpected),
    ...facts.exits.flatMap(badExit),
    ...facts.left.map(leftOver),
    ...facts.violations.map((text) => fleetHole("protocol_violated", "WhatsApp", text)),
    ...reports.flatMap(([worker, report]) => notReady(worker, report)),
    ...sessions === facts.cast.lines.length ? [] : [
      fleetHole(
        "sessions_lost",
        "fleet",
        `The workers hold ${sessions} of ${facts.cast.lines.length} numbers`,
      ),
    ],
    ...readers === 1 ? [] : [fleetHole("readers", "fleet", `${readers} workers are the reader`)],
  ];
  const count = (test: (exit: Exit) => boolean) => facts.exits.filter(test).length;
  return {
    counts: [
      { what: "events of the workers, repeats included", count: facts.received.length },
      { what: "faults", count: facts.faults.length },
      { what: "worker processes killed", count: count(({ cause }) => cause === "kill9") },
      { what: "worker processes terminated", count: count(({ cause }) => cause === "terminate") },
      { what: "worker processes that ended for want of a broker", count: count(isWithoutBroker) },
      { what: "messages left in queues", count: facts.left.length },
    ],
    holes,
  };
}

/** What keeps the fleet from being at rest, as the latest word of every worker since `sinceMs` has it. */
export function unrest(facts: Pick<Facts, "cast" | "received">, sinceMs: number): Hole[] {
  return [...lastReports({ ...facts, calmSinceMs: sinceMs })].flatMap(([worker, report]) =>
    notReady(worker, report)
  );
}

function* lastReports(
  { cast, received, calmSinceMs }: Pick<Facts, "cast" | "received" | "calmSinceMs">,
): Generator<[string, Report | undefined]> {
  for (const worker of cast.workers) {
    const last = received.findLast(({ body }) =>
      body.action === "worker_status" && body.workerId === worker && Number(body.timestamp) > calmSinceMs
    );
    yield [worker, last?.body.data as Report | undefined];
  }
}

function notReady(worker: string, report: Report | undefined): Hole[] {
  if (report === undefined) {
    return [fleetHole("worker_silent", worker, "It has said nothing since the last fault")];
  }
  const { totalSessions, connectedSessions, outbox, broker } = report;
  const faults = [
    ...connectedSessions === totalSessions
      ? []
      : [`${connectedSessions} of ${totalSessions} sessions connected`],
    ...outbox.depth === 0 ? [] : [`${outbox.depth} events in its outbox`],
    ...broker.state === "connected" ? [] : [`its broker is '${broker.state}'`],
  ];
  return faults.map((fault) => fleetHole("worker_not_ready", worker, `At its last word: ${fault}`));
}

function againstContract(received: Received): Hole[] {
  try {
    assertContract(received);
    return [];
  } catch (error) {
    return [fleetHole("event_invalid", String(received.properties.messageId), (error as Error).message)];
  }
}

/** Events that have no place in a torture: every number stays linked, and with its worker. */
function unexpected({ at, body, properties, text }: Received): Hole[] {
  const { action, code, workerId } = body;
  const hole = (kind: string, sentence: string) => [
    fleetHole(kind, String(body.sessionId ?? workerId), `${instant(at)} ${sentence}`, [text.slice(0, 500)]),
  ];
  if (action === "worker_status" && (body.data as Report).unhandledFaults > 0) {
    return hole("unhandled_fault", `${workerId} had a fault nobody handled`);
  }
  if (action === "logged_out") return hole("session_ended", `It was logged out: ${body.reason}`);
  if (action === "disconnected" && code === 440) {
    return hole("two_sockets", "Its socket was replaced by another");
  }
  // What answers a command is accounted for with the command.
  if (action === "error" && properties.correlationId === undefined) {
    return hole("session_error", String(body.error));
  }
  if (action === "error" && code !== "held_elsewhere") return hole("session_error", String(body.error));
  return [];
}

function badExit({ worker, atMs, code, cause, late }: Exit): Hole[] {
  if (late) return [fleetHole("worker_hangs", worker, `${instant(atMs)} It did not end when it was told to`)];
  if (cause === "kill9" || (cause === "terminate" && code === EXIT.OK)) return [];
  if (isWithoutBroker({ code })) return [];
  return [fleetHole("worker_crashed", worker, `${instant(atMs)} It ended with exit code ${code}`)];
}

function isWithoutBroker({ code }: Pick<Exit, "code">): boolean {
  return code === EXIT.UNAVAILABLE;
}

function leftOver({ queue, text, headers }: Facts["left"][number]): Hole {
  const kind = queue.endsWith(".dead-letter") ? "dead_letter" : "left_in_queue";
  return fleetHole(kind, queue, text.slice(0, 500), [JSON.stringify(headers)]);
}

function fleetHole(kind: string, id: string, sentence: string, history: readonly string[] = []): Hole {
  return { kind, id, sentence, traces: [], history };
}
