/** The broker that all tests of a run share. */

import { type Broker, startBroker, useBroker } from "./broker.ts";
import { ensureRabbitmq } from "./install.ts";
import type { BrokerLayout } from "./layout.ts";

/** The environment variable in which the runner hands its broker to the tests, as the JSON of its layout. */
export const SHARED_BROKER_VARIABLE = "TEST_BROKER";

let own: Promise<Broker> | undefined;

/**
 * The run's broker; without the runner (`deno test FILE`), one that lives as long as this test module.
 *
 * Call it at the top level of a test module: a broker started within a test would be a leak of that test.
 */
export function sharedBroker(): Promise<Broker> {
  const layout = Deno.env.get(SHARED_BROKER_VARIABLE);
  if (layout !== undefined) return Promise.resolve(useBroker(JSON.parse(layout) as BrokerLayout));
  return own ??= startOwn();
}

/** Nobody stops it: its guardian does when this module is gone, and the pipe to it with the module. */
async function startOwn(): Promise<Broker> {
  await ensureRabbitmq((line) => console.error(line));
  return await startBroker();
}
