import { EXIT } from "../../exit_codes.ts";
import type { Check } from "../check.ts";
import { reach, type Reached } from "../network.ts";
import { brokerEndpoint } from "../broker.ts";
import { configuration } from "./configuration.ts";

/** The way to the broker: name, connection and, for `amqps:`, certificate. */
export const brokerReach: Check<Reached> = {
  id: "broker.reach",
  title: "Broker network",
  why: "Everything between the backend and the worker goes through RabbitMQ",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration],
  run: (probe) => reach(brokerEndpoint(probe.valueOf(configuration)), probe.signal),
};
