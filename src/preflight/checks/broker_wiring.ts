import type { ChannelModel } from "amqplib";
import { type Wiring, wiringOf } from "../../broker/wiring.ts";
import type { Settings } from "../../config/load.ts";
import { EXIT } from "../../exit_codes.ts";
import { brokerFault, isNotFound, namesOf, passively, withBroker } from "../broker.ts";
import { type Check, failure, type Finding, ok, warning } from "../check.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** How commands reach the worker without being mixed with its own events, and the line to set where they do not. */
export const brokerWiring: Check = {
  id: "broker.wiring",
  title: "Broker wiring",
  why: "Commands and events that share one queue are taken by the wrong side and lost",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    try {
      const exchangeThere = await withBroker(
        settings,
        probe.signal,
        (model) => exchangeExists(model, settings.RABBITMQ_EXCHANGE),
      );
      return { findings: judge(settings, wiringOf(settings, namesOf(settings)), exchangeThere) };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

async function exchangeExists(model: ChannelModel, exchange: string): Promise<boolean> {
  try {
    await passively(model, (channel) => channel.checkExchange(exchange));
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function judge(settings: Settings, wiring: Wiring, exchangeThere: boolean): Finding[] {
  const { QUEUE_SESSION_UPDATE: commands, QUEUE_SESSION_EVENT: events, RABBITMQ_EXCHANGE: exchange } =
    settings;
  const apart = commands !== events;
  const facts = { wiring: wiring.name, setting: settings.SESSION_WIRING, exchange, exchangeThere };
  const eventLine = `QUEUE_SESSION_EVENT=${eventQueueFor(commands)}`;
  const willBeThere = exchangeThere || settings.RABBITMQ_EXCHANGE_TYPE !== undefined;

  if (wiring.name === "queue" && !apart) {
    const line = willBeThere ? "SESSION_WIRING=exchange" : eventLine;
    return [warning({
      code: "both_ways",
      found:
        `Commands and events both go through '${commands}': the backend and the worker take each other's messages`,
      remedy: `Set this line in the .env: ${line}${willBeThere ? "" : " (and let the backend listen there)"}`,
      facts: { ...facts, advised: line },
    })];
  }
  const ways = `${wiring.name}: commands from '${wiring.commandQueues.join("', '")}', events to '${events}'`;
  if (willBeThere) {
    const state = exchangeThere ? "is there" : "will be declared by the worker";
    return [ok(`${ways}; exchange '${exchange}' ${state}`, facts)];
  }
  if (wiring.name === "queue") {
    return [
      ok(
        `${ways}; there is no exchange '${exchange}', so the backend has to publish straight to the queues`,
        facts,
      ),
    ];
  }
  return [warning({
    code: "exchange_absent",
    found:
      `${ways}; but there is no exchange '${exchange}' to bring commands there, and the worker waits for it`,
    remedy:
      "Start the backend, which declares it. If it publishes through another exchange, set RABBITMQ_EXCHANGE to " +
      `that; if through none, set this line in the .env and let the backend listen there: ${eventLine}`,
    facts: { ...facts, advised: eventLine },
  })];
}

/** `whatsapp.session.update` → `whatsapp.session.event`. */
function eventQueueFor(commands: string): string {
  return `${commands.replace(/\.update$/, "")}.event`;
}
