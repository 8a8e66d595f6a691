/** What commands are made of that nobody would write: the golden files of the contract, and the examples of every kind. */

import { isRecord, parseJson } from "../../src/contract/json.ts";
import { EXAMPLES } from "../matrix/examples.ts";

/** A JSON object, ids of 64 bits as bigint. */
export type Body = Record<string, unknown>;

/** Bodies that are read, or nearly. */
export interface Corpus {
  /** Messages to send and what is done in chats. */
  readonly sends: readonly Body[];
  /** Commands about sessions and requests for health. */
  readonly commands: readonly Body[];
  /** What workers say themselves. */
  readonly events: readonly Body[];
}

/** How often each example stands beside the golden files, half of which are refused as they are. */
const WEIGHT = 5;

/** Reads the golden files, and adds the examples for whoever has the number. */
export function readCorpus(numberId: number, recipientNumber: string): Corpus {
  const inputs = goldens("backend_to_worker", "cases");
  const isSend = ({ reader }: Body) => reader === "send";
  const examples = EXAMPLES.map(({ body }) => ({ messageId: 1, numberId, recipientNumber, ...body }));
  return {
    sends: [
      ...inputs.filter(isSend).map(({ input }) => input as Body),
      ...Array(WEIGHT).fill(examples).flat(),
    ],
    commands: inputs.filter((each) => !isSend(each)).map(({ input }) => input as Body),
    events: goldens("worker_to_backend", "events"),
  };
}

/** The parts of all files of a direction that stand under `key`, each with the reader of its file. */
function goldens(direction: string, key: string): Body[] {
  const folder = new URL(`../contract/golden/${direction}/`, import.meta.url);
  return [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted().flatMap((name) => {
    const file = parseJson(Deno.readTextFileSync(new URL(name, folder)));
    const parts = isRecord(file) && Array.isArray(file[key]) ? file[key] : [];
    return key === "cases" ? parts.map((part) => ({ ...part, reader: (file as Body).reader })) : parts;
  });
}
