import type { ChannelModel, Replies } from "amqplib";
import { adviceFor, MEMORY_KEY, type Sightings, type Wiring, wiringOf } from "../../broker/wiring.ts";
import type { Settings } from "../../config/load.ts";
import { EXIT } from "../../exit_codes.ts";
import { brokerFault, exchangeExists, isNotFound, namesOf, passively, withBroker } from "../broker.ts";
import { type Check, failure, type Finding, ok, warning } from "../check.ts";
import { recall } from "../state.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** How commands reach the worker without being mixed with its own events, and the line to set where they do not. */
export const brokerWiring: Check = {
  id: "broker.wiring",
  title: "Broker wiring",
  why: "Commands and events that share one queue are taken by the wrong side",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    const names = namesOf(settings);
    try {
      const { exchangeThere, noted, update } = await withBroker(settings, probe.signal, async (model) => ({
        exchangeThere: await exchangeExists(model, settings.RABBITMQ_EXCHANGE),
        noted: (await lookAt(model, names.wiringNote)).messageCount > 0,
        update: await lookAt(model, settings.QUEUE_SESSION_UPDATE),
      }));
      const memory = await recall(settings.SESSION_DIR, Object.values(MEMORY_KEY), probe.signal);
      const proven = noted || memory.has(MEMORY_KEY.proven);
      const wiring = wiringOf(settings, names, proven);
      const facts = {
        wiring: wiring.name,
        bestEffort: wiring.sharedQueue !== undefined,
        setting: settings.SESSION_WIRING,
        proven,
        provenAt: memory.get(MEMORY_KEY.proven) ?? null,
        cameBy: memory.get(MEMORY_KEY.cameBy) ?? null,
        exchange: settings.RABBITMQ_EXCHANGE,
        exchangeThere,
      };
      return { findings: [judge(settings, wiring, facts), ...leftOver(settings, wiring, update)] };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

/** How many messages and readers a queue has; one that does not exist has none. */
async function lookAt(model: ChannelModel, queue: string): Promise<Depth> {
  try {
    return await passively(model, (channel) => channel.checkQueue(queue));
  } catch (error) {
    if (isNotFound(error)) return { messageCount: 0, consumerCount: 0 };
    throw error;
  }
}

type Depth = Pick<Replies.AssertQueue, "messageCount" | "consumerCount">;

/**
 * The queue that neither the worker reads nor the backend: still bound to the exchange, by an earlier wiring or by the
 * backend, it fills the broker's disk. Its binding may be the backend's, so an operator has to say.
 */
function leftOver(settings: Settings, wiring: Wiring, { messageCount, consumerCount }: Depth): Finding[] {
  const { QUEUE_SESSION_UPDATE: queue, QUEUE_SESSION_EVENT: events, RABBITMQ_EXCHANGE: exchange } = settings;
  if (wiring.name !== "exchange" || queue === events || messageCount === 0 || consumerCount > 0) return [];
  return [warning({
    code: "unread_copies",
    subject: queue,
    found:
      `${messageCount} waiting that nobody reads: commands come from another queue, events go to another one`,
    remedy:
      "They have been carried out by way of the other queue. Unbind this one, then purge it: rabbitmqadmin " +
      `delete binding source=${exchange} destination_type=queue destination=${queue} ` +
      `properties_key=session.update; rabbitmqadmin purge queue name=${queue}`,
    facts: { messages: messageCount, consumers: consumerCount },
  })];
}

interface Facts extends Record<string, unknown> {
  readonly exchangeThere: boolean;
  readonly cameBy: string | null;
}

function judge(settings: Settings, wiring: Wiring, facts: Facts): Finding {
  const { QUEUE_SESSION_EVENT: events, RABBITMQ_EXCHANGE: exchange, RABBITMQ_EXCHANGE_TYPE: type } = settings;
  const willBeThere = facts.exchangeThere || type !== undefined;
  if (wiring.sharedQueue !== undefined) {
    return bestEffort(settings, wiring, facts, {
      exchangeThere: willBeThere,
      cameBy: facts.cameBy ?? undefined,
    });
  }
  const ways = `${wiring.name}: commands from '${wiring.commandQueues[0]}', events to '${events}'`;
  if (willBeThere) {
    const state = facts.exchangeThere ? "is there" : "will be declared by the worker";
    return ok(`${ways}; exchange '${exchange}' ${state}`, facts);
  }
  if (wiring.name === "queue") {
    return ok(
      `${ways}; there is no exchange '${exchange}', so the backend has to publish straight to the queues`,
      facts,
    );
  }
  const advised = `QUEUE_SESSION_EVENT=${settings.RABBITMQ_PREFIX}.worker.events`;
  return warning({
    code: "exchange_absent",
    found:
      `${ways}; but there is no exchange '${exchange}' to bring commands there, and the worker waits for it`,
    remedy:
      "Start the backend, which declares it. If it publishes through another exchange, set RABBITMQ_EXCHANGE to " +
      `that; if through none, set this line in the .env and let the backend listen there: ${advised}`,
    facts: { ...facts, advised },
  });
}

function bestEffort(settings: Settings, wiring: Wiring, facts: Facts, sightings: Sightings): Finding {
  const { RABBITMQ_EXCHANGE: exchange, SESSION_WIRING: setting } = settings;
  const advised = adviceFor(wiring, settings, sightings);
  const reason = sightings.cameBy === ""
    ? "the backend publishes commands straight to it"
    : sightings.cameBy !== undefined && sightings.cameBy !== exchange
    ? `commands come there through the exchange '${sightings.cameBy}'`
    : setting === "queue"
    ? "SESSION_WIRING=queue reads it"
    : sightings.exchangeThere
    ? `no command has come through the exchange '${exchange}' yet`
    : `there is no exchange '${exchange}'`;
  return warning({
    code: wiring.name === "queue" ? "both_ways" : "unproven",
    found: `${wiring.name}: best effort; commands and events share '${wiring.sharedQueue}' and ${reason}: ` +
      "the backend and the worker take each other's messages",
    remedy: `${remedyOf(advised, exchange)}: ${advised}`,
    facts: { ...facts, advised },
  });
}

function remedyOf(advised: string, exchange: string): string {
  if (advised.startsWith("QUEUE_SESSION_EVENT")) {
    return "Set this line in the .env, and let the backend listen there";
  }
  if (advised === "SESSION_WIRING=exchange") {
    return `A backend that publishes through '${exchange}' needs nothing: its first command ends this. To have it ` +
      "before that, set this line in the .env (but not if it publishes straight to the queue)";
  }
  return "Set this line in the .env";
}
