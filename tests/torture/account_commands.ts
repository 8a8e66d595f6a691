/** What became of every session command. */

import type { Received } from "../backend/backend.ts";
import { answersTo } from "./account_sends.ts";
import type { Account, CommandFact, Facts, Hole } from "./facts.ts";
import { byInstant, instant } from "./instant.ts";

/** Accounts for all session commands and health requests. */
export function accountForCommands({ commands, received }: Facts): Account {
  const holes = commands.flatMap((fact): Hole[] => {
    const answers = answersTo(received, fact.command);
    if (fact.command.confirmedAtMs === undefined) {
      return [holeOf(fact, answers, "command_not_published", "It was never confirmed by the broker")];
    }
    if (answers.length === 0) return [holeOf(fact, answers, "command_unanswered", "It got no answer")];
    if (answers.some((answer) => isAnswer(fact, answer))) return [];
    return [
      holeOf(fact, answers, "command_refused", `It was answered with ${answers.map(describe).join(", ")}`),
    ];
  });
  return {
    counts: [
      { what: "session commands", count: commands.length },
      {
        what: "  answered",
        count: commands.filter(({ command }) => answersTo(received, command).length > 0).length,
      },
    ],
    holes,
  };
}

/** Whether an event is what the contract has a command answered with, when its number is linked and held. */
export function isAnswer({ step: { action, to } }: CommandFact, { body, properties }: Received): boolean {
  if (to === "stranger") return body.action === "error" && body.code === "held_elsewhere";
  switch (action) {
    case "create":
    case "reconnect":
    case "regenerate_qr":
      return body.action === "connected";
    case "close":
      return body.action === "closed" && body.reason === "command";
    case "status":
      return body.action === "session_status" && body.status !== "NOT_FOUND";
    case "worker_status":
      return body.action === "worker_status";
    case "health_check":
      return properties.type === "number_health" && body.status !== "NOT_FOUND";
  }
}

function describe({ body }: Received): string {
  return [body.action, body.code, body.status, body.reason].filter((word) => word !== undefined).join(" ");
}

function holeOf(
  { step, command }: CommandFact,
  answers: readonly Received[],
  kind: string,
  sentence: string,
): Hole {
  const id = `c-${step.n}`;
  const what = `${step.action} of ${step.numberId === undefined ? "no number" : `number ${step.numberId}`}`;
  return {
    kind,
    id,
    sentence,
    traces: [command.amqpId],
    history: byInstant([
      ...command.attemptsAtMs.map((atMs) =>
        `${instant(atMs)} ${id}: backend publishes ${what} for ${
          command.body.workerId ?? "nobody"
        } (${command.amqpId})`
      ),
      ...command.confirmedAtMs === undefined
        ? []
        : [`${instant(command.confirmedAtMs)} ${id}: broker confirms`],
      ...answers.map((answer) =>
        `${instant(answer.at)} ${id}: ${describe(answer)} of ${answer.body.workerId}`
      ),
    ]),
  };
}
