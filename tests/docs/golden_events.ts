/** The events of the golden files, which the tests hold against their schemas. */

import { isRecord, parseJson } from "../../src/contract/json.ts";

/** A body that a worker publishes. */
export type Event = Record<string, unknown>;

/** The golden events of one AMQP type. */
export function goldenEvents(type: string): readonly Event[] {
  const file = new URL(`../contract/golden/worker_to_backend/${type}.json`, import.meta.url);
  const content = parseJson(Deno.readTextFileSync(file));
  if (!isRecord(content) || !Array.isArray(content.events)) throw new Error(`${file} holds no events`);
  return content.events;
}
