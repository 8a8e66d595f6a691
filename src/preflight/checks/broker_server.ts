import { EXIT } from "../../exit_codes.ts";
import { type Check, ok, warning } from "../check.ts";
import { brokerLogin } from "./broker_login.ts";

/** The oldest that the worker is tested with, that of Debian 12. */
const OLDEST = [3, 10];
/** What newer versions do otherwise, and why that is well or not. */
const LIMITS: readonly { since: readonly number[]; limit: string }[] = [
  {
    since: [4, 0],
    limit:
      "drops or dead-letters what comes back from a quorum queue for the 20th time (the worker's own are classic)",
  },
  {
    since: [4, 3],
    limit:
      "refuses transient queues that are not exclusive, and prefetch for a whole channel (the worker has neither)",
  },
];

/** Which broker it is, and what is known of its version. */
export const brokerServer: Check = {
  id: "broker.server",
  title: "Broker version",
  why: "Versions differ in what they refuse, and in when they drop a message",
  exitCode: EXIT.UNAVAILABLE,
  after: [brokerLogin],
  run: (probe) => Promise.resolve({ findings: [judge(probe.valueOf(brokerLogin))] }),
};

/** What is known of a broker. */
export function judge({ product, version }: { product: string; version: string }) {
  const numbers = /^(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (product !== "RabbitMQ" || numbers === undefined) {
    return warning({
      code: "broker_unknown",
      found: `It is ${product} ${version}`.trimEnd() + ", with which the worker was never tested",
      remedy:
        "Use RabbitMQ 3.10 or newer, or test leases above all: a queue may have one exclusive consumer only",
      facts: { product, version },
    });
  }
  const limits = LIMITS.filter(({ since }) => !isOlder(numbers, since)).map(({ limit }) => limit);
  const facts = { product, version, limits };
  if (isOlder(numbers, OLDEST)) {
    return warning({
      code: "broker_old",
      found: `${product} ${version} is older than what the worker is tested with (${OLDEST.join(".")})`,
      remedy: "Upgrade the broker: https://www.rabbitmq.com/docs/upgrade",
      facts,
    });
  }
  return ok([`${product} ${version}`, ...limits].join("; "), facts);
}

const isOlder = (
  [major = 0, minor = 0]: readonly number[],
  [otherMajor = 0, otherMinor = 0]: readonly number[],
) => major < otherMajor || major === otherMajor && minor < otherMinor;
