/** Whatever comes in whichever order, over restarts too: statuses of a send never go back, and none is told twice. */

import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Announcer } from "../../../src/announcer.ts";
import { Database } from "../../../src/store/database.ts";
import type { SendRecord } from "../../../src/store/ledger.ts";
import type { Names, Reached, Tally } from "../../../src/store/recipients.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Receipts } from "../../../src/whatsapp/receipts/receipts.ts";

const FRIEND = "221779999999@s.whatsapp.net";
const GROUP = "120363000000000001@g.us";
const PEOPLE: readonly Names[] = [
  ["100000000000001@lid", "221770000001@s.whatsapp.net"],
  ["100000000000002@lid"],
  ["221770000003@s.whatsapp.net", "100000000000003@lid"],
];
const STRANGER: Names = ["100000000000009@lid"];
const RANKS = ["PENDING", "SENT", "DELIVERED", "READ", "PLAYED"];
const FAILURE = { code: "unconfirmed", error: "nothing was heard", retryable: true } as const;

const sendTo = (chat: string, whatsappId: string): SendRecord => ({
  numberId: "6",
  fingerprint: whatsappId,
  whatsappId,
  chat,
  answerTo: "command",
  numberIdJson: "6",
  status: "PENDING",
  final: false,
});
const SENDS = [sendTo(FRIEND, "PERSON"), sendTo(GROUP, "GROUP")];

/** What may happen. */
type Step =
  | { what: "attempt"; send: number; members: number }
  | { what: "ack"; send: number }
  | { what: "failure"; send: number; retryable: boolean }
  | {
    what: "receipt";
    reached: Reached;
    sends: number[];
    from: "friend" | "group";
    by: [person: number, alias: boolean][];
  };

const send = fc.nat({ max: SENDS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constant("attempt" as const),
    send,
    members: fc.integer({ min: 1, max: PEOPLE.length }),
  }),
  fc.record({ what: fc.constant("ack" as const), send }),
  fc.record({ what: fc.constant("failure" as const), send, retryable: fc.boolean() }),
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("receipt" as const),
      reached: fc.constantFrom<Reached[]>("DELIVERED", "READ", "PLAYED"),
      sends: fc.array(send, { minLength: 1, maxLength: 3 }),
      from: fc.constantFrom("friend" as const, "group" as const),
      by: fc.array(fc.tuple(fc.nat({ max: PEOPLE.length }), fc.boolean()), { minLength: 1, maxLength: 4 }),
    }),
  },
);
/** What happens at the same time; then the worker may be restarted, and the broker may have taken what there is. */
const moments = fc.array(
  fc.record({ steps: fc.array(step, { maxLength: 4 }), restart: fc.boolean(), drain: fc.boolean() }),
  { maxLength: 12 },
);

interface Told {
  readonly status: string;
  readonly recipients?: Tally;
}

/** A worker's receipts, and what reached the backend of each send. */
class Scene {
  readonly told = new Map<string, Told[]>(SENDS.map(({ whatsappId }) => [whatsappId, []]));
  readonly #database = Database.inMemory();
  readonly store = makeStore(this.#database, () => 1);
  #ids = 0;
  #receipts = this.#start();

  #start(): Receipts {
    const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
    const newId = () => `${this.#ids++}`;
    const { store } = this;
    const announcer = new Announcer({ store, queues, workerId: "w", now: () => 1, newId, onNews: () => {} });
    return new Receipts(store, announcer, newId);
  }

  restart(): void {
    this.#receipts = this.#start();
  }

  async play(step: Step): Promise<void> {
    const receipts = this.#receipts;
    switch (step.what) {
      case "attempt": {
        const { final, ...record } = await this.current(step.send);
        // As the sender does: what is answered is not sent again.
        if (final) return;
        const pending = { ...record, final, status: "PENDING" } as const;
        if (await receipts.begin(pending) === "answered" || record.chat !== GROUP) return;
        return await receipts.addressed(pending, PEOPLE.slice(0, step.members));
      }
      case "ack":
        return await receipts.reached("6", { whatsappIds: [SENDS[step.send]!.whatsappId], status: "SENT" });
      case "failure": {
        const failure = { ...FAILURE, retryable: step.retryable };
        return void await receipts.failed(await this.current(step.send), failure);
      }
      case "receipt": {
        const whatsappIds = step.sends.map((send) => SENDS[send]!.whatsappId);
        if (step.from === "friend") return await receipts.reached("6", { whatsappIds, status: step.reached });
        const names = step.by.map(([person, alias]) => {
          const [name, other = name] = PEOPLE[person] ?? STRANGER;
          return alias ? other : name;
        });
        const group = { jid: GROUP, names };
        return await receipts.reached("6", { whatsappIds, status: step.reached, group });
      }
    }
  }

  async current(send: number): Promise<SendRecord> {
    const known = SENDS[send]!;
    return await this.store.ledger.find("6", known.fingerprint) ?? known;
  }

  /** The broker takes all there is. */
  async drain(): Promise<void> {
    const rows = await this.store.outbox.next({ rows: 10_000, bytes: 1e9 }, []);
    await this.store.outbox.remove(rows.map(({ position }) => position));
    for (const { body } of rows) {
      const { whatsappMessageId, status, recipients } = JSON.parse(body);
      // A failure is told for each attempt that failed.
      if (status !== "FAILED") this.told.get(whatsappMessageId)!.push({ status, recipients });
    }
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}

const score = ({ status, recipients }: Told) => [
  RANKS.indexOf(status),
  ...(recipients === undefined ? [] : [recipients.delivered, recipients.read, recipients.played]),
];

const isForward = (before: Told, after: Told) => {
  const [from, to] = [score(before), score(after)];
  return to.every((value, index) => value >= (from[index] ?? 0)) &&
    to.some((value, index) => value > (from[index] ?? -1));
};

function reachedByAll({ total, delivered, read, played }: Tally): string {
  return played === total ? "PLAYED" : read === total ? "READ" : delivered === total ? "DELIVERED" : "SENT";
}

/** How far people have come by receipts since the group was addressed last, by what was played and nothing else. */
function tallyOf(furthest: ReadonlyMap<number, number>, total: number): Tally {
  const atLeast = (rank: number) => [...furthest.values()].filter((value) => value >= rank).length;
  return { total, delivered: atLeast(2), read: atLeast(3), played: atLeast(4) };
}

Deno.test("Whatever comes in whichever order, no status goes back and none is told twice", async () => {
  await fc.assert(
    fc.asyncProperty(moments, async (moments) => {
      using scene = new Scene();
      for (const send of SENDS) await scene.store.commit(scene.store.ledger.recording(send));
      for (const { steps, restart, drain } of moments) {
        await Promise.all(steps.map((step) => scene.play(step)));
        if (restart) scene.restart();
        if (drain) await scene.drain();
      }
      await scene.drain();
      for (const [index, { whatsappId, chat }] of SENDS.entries()) {
        const told = scene.told.get(whatsappId)!;
        for (const [at, after] of told.entries()) {
          const before = told[at - 1];
          if (before !== undefined) assert(isForward(before, after), JSON.stringify(told));
          // None of the statuses on the way is left out.
          const skipped = RANKS.indexOf(after.status) - RANKS.indexOf(before?.status ?? "PENDING");
          assert(skipped <= 1, JSON.stringify(told));
        }
        const { recipients: last } = told.at(-1) ?? {};
        if (last !== undefined) assert.equal(told.at(-1)!.status, reachedByAll(last));
        if (chat !== GROUP) assert.equal(new Set(told.map(({ status }) => status)).size, told.length);
        const { answer, status, final } = await scene.current(index);
        if (!final || status === "FAILED") continue;
        const { status: said, recipients } = JSON.parse(answer!);
        assert.deepEqual({ status: said, recipients }, told.at(-1), "a repeat is told what was told last");
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("What is told of a group at last is how far each of its members has come", async () => {
  const receipt = fc.record({
    what: fc.constant("receipt" as const),
    reached: fc.constantFrom<Reached[]>("DELIVERED", "READ", "PLAYED"),
    sends: fc.constant<number[]>([1]),
    from: fc.constant("group" as const),
    by: fc.array(fc.tuple(fc.nat({ max: PEOPLE.length }), fc.boolean()), { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(receipt, { minLength: 1, maxLength: 20 }),
      fc.nat(20),
      async (receipts, restartAt) => {
        using scene = new Scene();
        await scene.play({ what: "attempt", send: 1, members: PEOPLE.length });
        const furthest = new Map<number, number>();
        for (const [index, receipt] of receipts.entries()) {
          if (index === restartAt) scene.restart();
          await scene.play(receipt);
          for (const [person] of receipt.by) {
            if (person >= PEOPLE.length) continue;
            furthest.set(person, Math.max(furthest.get(person) ?? 0, RANKS.indexOf(receipt.reached)));
          }
        }
        await scene.drain();
        const recipients = tallyOf(furthest, PEOPLE.length);
        assert.deepEqual(scene.told.get("GROUP")!.at(-1), { status: reachedByAll(recipients), recipients });
        assert.ok(
          scene.told.get("GROUP")!.length <= 4,
          "of each status only the latest waits for the broker",
        );
      },
    ),
    { numRuns: 300 },
  );
});
