import type { Link } from "../broker/connection.ts";
import type { BrokerNames } from "../broker/names.ts";
import {
  lookAtPin,
  type Obstacle,
  type Pin,
  type PinLook,
  unpin,
  type Unpinned,
  UnpinRefused,
} from "../broker/unpin.ts";
import { EXIT } from "../exit_codes.ts";
import { namesOf } from "../preflight/broker.ts";
import { withBroker } from "./broker.ts";
import type { Command, Invocation } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { mustBeAble, numberOf } from "./session_number.ts";
import { visible, visibleJson } from "./terminal.ts";

/** `worker session unpin`. */
export const unpinSession: Command = {
  name: "session unpin",
  usage: "NUMBER --worker LOST_WORKER_ID [--yes]",
  operands: [1, 1],
  options: ["env-file", "json", "worker", "yes"],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { settings, options, terminal } = invocation;
  const pin = pinOf(invocation);
  const names = namesOf(settings);
  return await withBroker(settings, async (link) => {
    const look = await lookAtPin(link, names, pin);
    if (look.number !== undefined && look.number.consumers > 0) throw obstacleError("in_use", pin, names);
    if (!options.yes && !terminal.confirm?.(questionFor(pin, look))) {
      terminal.tell("Nothing was changed");
      return EXIT.OK;
    }
    const done = await unpinWorded(link, names, pin);
    if (options.json) terminal.print(visibleJson(JSON.stringify({ ...pin, ...done })));
    else terminal.print(render(pin, done));
    return EXIT.OK;
  });
}

function pinOf(invocation: Invocation): Pin {
  const { worker } = invocation.options;
  const numberId = numberOf(invocation);
  if (worker === undefined || !/^[^\p{C}\p{Z}]{1,200}$/u.test(worker)) {
    throw new CommandError(
      worker === undefined
        ? "It is not said whose number it is"
        : `${JSON.stringify(worker)} is no WORKER_ID`,
      "Add --worker with the WORKER_ID of the lost worker, e.g. --worker worker-1",
      EXIT.USAGE,
    );
  }
  mustBeAble(invocation, "session unpin");
  return { numberId, workerId: worker };
}

function questionFor({ numberId, workerId }: Pin, { number, inbox }: PinLook): string {
  const sends = number?.messages ?? 0;
  const running = inbox !== undefined && inbox.consumers > 0;
  return [
    `Number ${numberId} of worker '${visible(workerId)}':`,
    number === undefined ? "  it has no queue any more" : `  nobody has it at this moment`,
    `  ${sends} waiting sends will be answered FAILED no_session`,
    running
      ? `  '${visible(workerId)}' RUNS: if it still has the number's credentials, send 'logout' instead`
      : `  if '${
        visible(workerId)
      }' ever comes back with its disk, it takes the number again, or reports lease_lost`,
    "Free it?",
  ].join("\n");
}

async function unpinWorded(link: Link, names: BrokerNames, pin: Pin): Promise<Unpinned> {
  try {
    return await unpin(link, names, pin);
  } catch (error) {
    throw error instanceof UnpinRefused ? obstacleError(error.obstacle, pin, names) : error;
  }
}

function obstacleError(obstacle: Obstacle, { numberId, workerId }: Pin, names: BrokerNames): CommandError {
  const [message, remedy] = {
    in_use: [
      `Number ${numberId} is in use: the worker that has it is running`,
      `Log the number out there (action 'logout'), or stop that worker; rabbitmqctl list_consumers shows who reads ` +
      `'${names.number(numberId)}'`,
    ],
    other_holder: [
      `Number ${numberId} does not belong to worker '${
        visible(workerId)
      }' alone: another inbox is bound to it`,
      `Give the WORKER_ID it belongs to; rabbitmqctl list_bindings shows the queue with key 'number.${numberId}'`,
    ],
    no_send_queue: [
      `The sends of number ${numberId} cannot go back: the queue '${names.messageSend}' does not exist`,
      "Start a worker or the backend, which declare it, then give the command again",
    ],
  }[obstacle] as [string, string];
  return new CommandError(message, remedy, EXIT.TEMPFAIL);
}

function render({ numberId, workerId }: Pin, done: Unpinned): string {
  const { queueDeleted, sends, commands, commandsLeft, inbox } = done;
  if (!queueDeleted && sends === 0 && commands === 0) {
    return `Number ${numberId} has no queue: no worker has it, and there was nothing to do`;
  }
  const inboxLine = {
    swept: `${commands} commands for it went from the worker's inbox to the other workers`,
    missing: `worker '${visible(workerId)}' has no inbox`,
    running: `worker '${visible(workerId)}' runs and takes its commands itself`,
  }[inbox];
  return [
    `Number ${numberId} is free`,
    `  ${sends} waiting sends went back and are answered FAILED no_session`,
    `  ${inboxLine}`,
    ...(commandsLeft > 0
      ? [`  ${commandsLeft} commands for it stay there, because they name that worker`]
      : []),
    `Send 'create' to open it on another worker. If '${
      visible(workerId)
    }' comes back with its disk, it still has the`,
    "number's credentials: it takes the number again when nobody has it by then, else it reports lease_lost",
  ].join("\n");
}
