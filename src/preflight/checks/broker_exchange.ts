import { EXIT } from "../../exit_codes.ts";
import { brokerFault, exchangeExists, withBroker } from "../broker.ts";
import { type Check, failure, type Finding, ok, warning } from "../check.ts";
import type { Settings } from "../../config/load.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** The backend's exchange: there, to be declared, or missing. */
export const brokerExchange: Check = {
  id: "broker.exchange",
  title: "Broker exchange",
  why:
    "What the backend publishes to an exchange that is not there is refused, and what the worker binds to it waits",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    try {
      const isThere = await withBroker(
        settings,
        probe.signal,
        (model) => exchangeExists(model, settings.RABBITMQ_EXCHANGE),
      );
      return { findings: [judge(settings, isThere)] };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

function judge(settings: Settings, isThere: boolean): Finding {
  const { RABBITMQ_EXCHANGE: exchange, RABBITMQ_EXCHANGE_TYPE: type, SESSION_WIRING: wiring } = settings;
  const facts = { exchange, present: isThere, type: type ?? null };
  if (isThere) return ok(`'${exchange}' is there`, facts);
  if (type !== undefined) {
    return ok(`'${exchange}' is not there yet; the worker declares it (${type})`, facts);
  }
  const isNeeded = wiring === "exchange" ||
    wiring === "auto" && settings.QUEUE_SESSION_EVENT === settings.QUEUE_SESSION_UPDATE;
  if (!isNeeded) return ok(`no '${exchange}', and this wiring does without`, facts);
  return warning({
    code: "exchange_absent",
    found: `There is no exchange '${exchange}'`,
    remedy:
      "Start the backend, which declares it; or correct RABBITMQ_EXCHANGE; or let the worker declare it: " +
      "RABBITMQ_EXCHANGE_TYPE=topic",
    facts,
  });
}
