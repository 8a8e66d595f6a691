import type { ChannelModel } from "amqplib";
import type { Settings } from "../../config/load.ts";
import { EXIT } from "../../exit_codes.ts";
import { brokerFault, isNotFound, passively, replyCode, withBroker } from "../broker.ts";
import { type Check, counted, failure, type Finding, messageOf, ok, warning } from "../check.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** The contract's queues: there or not, how many read, how much waits. They are only looked at, never declared. */
export const brokerQueues: Check = {
  id: "broker.queues",
  title: "Broker queues",
  why: "A queue with a name that the other side does not know is a letter box that nobody empties",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    try {
      const findings = await withBroker(settings, probe.signal, async (model) => {
        const found: Finding[] = [];
        for (const queue of queuesOf(settings)) found.push(await look(model, queue, settings));
        return found;
      });
      return { findings };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

interface Queue {
  readonly name: string;
  readonly keys: readonly string[];
  /** It carries what the worker says. */
  readonly toBackend: boolean;
}

const TO_BACKEND = [
  "QUEUE_SESSION_EVENT",
  "QUEUE_MESSAGE_RECEIVE",
  "QUEUE_MESSAGE_STATUS",
  "QUEUE_NUMBER_HEALTH",
] as const;
const TO_WORKER = ["QUEUE_SESSION_UPDATE", "QUEUE_MESSAGE_SEND", "QUEUE_HEALTH_COMMAND"] as const;

/** Every queue once, with all settings that name it. */
function queuesOf(settings: Settings): Queue[] {
  const keysOf = Map.groupBy([...TO_WORKER, ...TO_BACKEND], (key) => settings[key]);
  return [...keysOf].flatMap(([name, keys]) =>
    name === undefined
      ? []
      : [{ name, keys, toBackend: keys.some((key) => TO_BACKEND.some((one) => one === key)) }]
  );
}

async function look(
  model: ChannelModel,
  { name, keys, toBackend }: Queue,
  settings: Settings,
): Promise<Finding> {
  const subject = name;
  try {
    const { messageCount: messages, consumerCount: consumers } = await passively(
      model,
      (channel) => channel.checkQueue(name),
    );
    const facts = { keys, present: true, messages, consumers };
    const state = `${counted(messages, "message")} waiting, ${counted(consumers, "consumer")}`;
    if (!toBackend || consumers > 0 || messages === 0) return ok(state, facts, subject);
    return warning({
      code: "unread",
      subject,
      found: `${state}: nobody takes what the worker says`,
      remedy: "Start the backend, or check that it listens on this very queue",
      facts,
    });
  } catch (error) {
    if (isNotFound(error)) return absent({ name, keys });
    if (replyCode(error) === undefined) throw error;
    return failure({ ...brokerFault(error, settings), subject, facts: { keys, said: messageOf(error) } });
  }
}

const absent = ({ name, keys }: Pick<Queue, "name" | "keys">) =>
  warning({
    code: "queue_absent",
    subject: name,
    found: `not there yet, the worker declares it as it starts (${keys.join(", ")})`,
    remedy: "Start the backend first, or compare the name with the one the backend has for it",
    facts: { keys, present: false },
  });
