import { strict as assert } from "node:assert";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { Announcer } from "../../../src/announcer.ts";
import { Database } from "../../../src/store/database.ts";
import type { SendRecord } from "../../../src/store/ledger.ts";
import type { Names, Reached } from "../../../src/store/recipients.ts";
import { makeStore } from "../../../src/store/store.ts";
import type { SendFailure } from "../../../src/whatsapp/outbound/failures.ts";
import { type News, Receipts } from "../../../src/whatsapp/receipts/receipts.ts";
import { receiptsOf } from "../../../src/whatsapp/receipts/receipt_stanzas.ts";

const RECORD: SendRecord = {
  numberId: "6",
  fingerprint: "print",
  whatsappId: "3EB0AA",
  chat: "221779999999@s.whatsapp.net",
  answerTo: "command-1",
  messageIdJson: "7212345678901234567",
  numberIdJson: "6",
  status: "PENDING",
  final: false,
};
/** Something is known of the message in {@link RECORD}. */
const news = (status: News["status"]): News => ({ whatsappIds: ["3EB0AA"], status });
const FAILURE: SendFailure = { code: "unconfirmed", error: "nothing was heard", retryable: true };

/** Receipts over a store in memory, with one send written down, and what was announced of it. */
async function setUp() {
  const database = Database.inMemory();
  const store = makeStore(database, () => 1);
  let ids = 0;
  const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
  const announcer = new Announcer({
    store,
    queues,
    workerId: "worker-1",
    now: () => 1,
    newId: () => `outbox-${ids++}`,
    onNews: () => {},
  });
  await store.commit(store.ledger.recording(RECORD));
  return {
    receipts: new Receipts(store, announcer, () => `id-${ids++}`),
    store,
    record: async () => (await store.ledger.find("6", "print"))!,
    told: async () => {
      const rows = await database.select(
        "SELECT body, message_id, correlation_id FROM outbox ORDER BY position",
      );
      return rows.map(({ body, message_id, correlation_id }) => ({
        status: JSON.parse(String(body)).status,
        body: String(body),
        messageId: message_id,
        correlationId: correlation_id,
      }));
    },
    [Symbol.dispose]: () => store.close(),
  };
}

Deno.test("Receipts.reached() tells every step once, those nobody heard of too, and never goes back", async () => {
  using test = await setUp();
  for (const status of ["READ", "SENT", "DELIVERED", "READ", "PLAYED"] as const) {
    await test.receipts.reached("6", news(status));
  }
  const told = await test.told();
  assert.deepEqual(told.map(({ status }) => status), ["SENT", "DELIVERED", "READ", "PLAYED"]);
  assert.equal(new Set(told.map(({ messageId }) => messageId)).size, 4);
  for (const { body, correlationId } of told) {
    assert.equal(correlationId, "command-1");
    assert.match(body, /"messageId":7212345678901234567,/);
    assert.match(body, /"whatsappMessageId":"3EB0AA"/);
  }
  assert.equal((await test.record()).status, "PLAYED");
});

Deno.test("Receipts.reached() passes over messages that are not the backend's", async () => {
  using test = await setUp();
  await test.receipts.reached("6", { ...news("READ"), whatsappIds: ["3EB0BB"] });
  await test.receipts.reached("7", news("READ"));
  assert.deepEqual(await test.told(), []);
});

Deno.test("Receipts.failed() is followed by SENT when the ack comes after all, and never follows it", async () => {
  using test = await setUp();
  await test.receipts.failed(RECORD, FAILURE);
  assert.deepEqual([(await test.record()).status, (await test.record()).final], ["FAILED", false]);
  await test.receipts.reached("6", news("SENT"));
  await test.receipts.failed(RECORD, FAILURE);
  assert.deepEqual((await test.told()).map(({ status }) => status), ["FAILED", "SENT"]);
  assert.deepEqual([(await test.record()).status, (await test.record()).final], ["SENT", true]);
});

Deno.test("Receipts.failed() does not overwrite an ack that comes at the same moment", async () => {
  using test = await setUp();
  await Promise.all([
    test.receipts.reached("6", news("SENT")),
    test.receipts.failed(RECORD, FAILURE),
  ]);
  assert.equal((await test.record()).status, "SENT");
});

Deno.test("Receipts.failed() answers the command that asked last", async () => {
  using test = await setUp();
  await test.receipts.failed(RECORD, FAILURE);
  await test.receipts.failed({ ...await test.record(), answerTo: "command-2" }, FAILURE);
  assert.deepEqual((await test.told()).map(({ correlationId }) => correlationId), ["command-1", "command-2"]);
});

Deno.test("Receipts.begin() does not forget what a receipt has told since the send was read", async () => {
  using test = await setUp();
  const [, began] = await Promise.all([
    test.receipts.reached("6", news("DELIVERED")),
    test.receipts.begin(RECORD),
  ]);
  assert.equal(began, "answered");
  assert.equal((await test.record()).status, "DELIVERED");
  await test.receipts.reached("6", news("SENT"));
  assert.deepEqual((await test.told()).map(({ status }) => status), ["SENT", "DELIVERED"]);
});

Deno.test("Receipts.begin() and failed() leave no other command for the same send unanswered", async () => {
  using test = await setUp();
  await test.receipts.reached("6", news("SENT"));
  assert.equal(await test.receipts.begin({ ...RECORD, answerTo: "command-2" }), "answered");
  await test.receipts.failed({ ...RECORD, answerTo: "command-3" }, FAILURE);
  const told = await test.told();
  assert.deepEqual(told.map(({ correlationId }) => correlationId), ["command-1", "command-2", "command-3"]);
  assert.equal(new Set(told.map(({ messageId }) => messageId)).size, 1);
});

Deno.test("Receipts.begin() lets a send that failed and may be retried go out", async () => {
  using test = await setUp();
  await test.receipts.failed(RECORD, FAILURE);
  assert.equal(await test.receipts.begin({ ...await test.record(), status: "PENDING" }), "begun");
  assert.equal((await test.record()).status, "PENDING");
});

Deno.test("Receipts.repeat() says the same again, under the same id", async () => {
  using test = await setUp();
  await test.receipts.reached("6", news("SENT"));
  await test.receipts.repeat({ ...await test.record(), answerTo: "command-2" });
  const [first, again] = await test.told();
  assert.deepEqual([again!.body, again!.messageId], [first!.body, first!.messageId]);
  assert.equal(again!.correlationId, "command-2");
});

/** What was told of a group's message: `STATUS total/delivered/read/played`. */
const ofGroup = (told: readonly { body: string }[]) =>
  told.map(({ body }) => {
    const { status, recipients } = JSON.parse(body);
    return [status, recipients && Object.values(recipients).join("/")].join(" ");
  });

const GROUP = "120363000000000001@g.us";
const TO_GROUP: SendRecord = { ...RECORD, fingerprint: "group", whatsappId: "3EB0CC", chat: GROUP };
const [ONE, OTHER, THIRD]: Names[] = [["1@lid", "221770000001@s.whatsapp.net"], ["2@lid"], ["3@lid"]];
const inGroup = (status: Reached, ...members: (readonly string[])[]): News => ({
  whatsappIds: ["3EB0CC"],
  status,
  group: { jid: GROUP, names: members.flat() },
});

Deno.test("Receipts.reached() tells of a group what all have reached, and how many have reached what", async () => {
  using test = await setUp();
  await test.receipts.begin(TO_GROUP);
  await test.receipts.addressed(TO_GROUP, [ONE!, OTHER!]);
  await test.receipts.reached("6", { whatsappIds: ["3EB0CC"], status: "SENT" });
  await test.receipts.reached("6", inGroup("READ", ["221770000001@s.whatsapp.net"]));
  await test.receipts.reached("6", inGroup("DELIVERED", ONE!, THIRD!));
  await test.receipts.reached("6", inGroup("PLAYED", OTHER!));
  await test.receipts.reached("6", inGroup("PLAYED", OTHER!, OTHER!));
  // Of each status the latest, as the broker has taken none.
  assert.deepEqual(ofGroup(await test.told()), ["SENT 2/1/1/0", "DELIVERED 2/2/2/1", "READ 2/2/2/1"]);
  const record = await test.store.ledger.findByWhatsappId("6", "3EB0CC");
  assert.deepEqual(ofGroup([{ body: record!.answer! }]), ["READ 2/2/2/1"]);
});

Deno.test("Receipts.reached() knows of a group whose members are not known only that it was sent", async () => {
  using test = await setUp();
  await test.receipts.begin(TO_GROUP);
  await test.receipts.reached("6", inGroup("READ", ONE!));
  await test.receipts.reached("6", inGroup("PLAYED", ONE!));
  assert.deepEqual(ofGroup(await test.told()), ["SENT "]);
});

Deno.test("Receipts.addressed() is about the members there are at each attempt, until one of them has answered", async () => {
  using test = await setUp();
  await test.receipts.begin(TO_GROUP);
  await test.receipts.addressed(TO_GROUP, [ONE!, OTHER!]);
  await test.receipts.begin(TO_GROUP);
  await test.receipts.addressed(TO_GROUP, [ONE!]);
  // The first attempt had arrived, as a receipt says that comes between two steps of another one.
  await Promise.all([
    test.receipts.begin(TO_GROUP),
    test.receipts.reached("6", inGroup("DELIVERED", ONE!)),
    test.receipts.addressed(TO_GROUP, [ONE!, OTHER!, THIRD!]),
  ]);
  await test.receipts.reached("6", inGroup("READ", ONE!));
  assert.deepEqual(ofGroup(await test.told()), ["SENT 1/1/0/0", "DELIVERED 1/1/0/0", "READ 1/1/1/0"]);
});

Deno.test("receiptsOf() reads the receipts that are news of own messages, and no others", () => {
  const said = (attrs: Record<string, string>, content: BinaryNode[] = []) =>
    receiptsOf({ tag: "receipt", attrs: { from: "1@lid", id: "A", ...attrs }, content })
      .map(({ status, whatsappIds, members = [] }) => [status, ...whatsappIds, ...members].join(" "));
  assert.deepEqual(said({}), ["DELIVERED A"]);
  assert.deepEqual(said({ type: "inactive" }), ["DELIVERED A"]);
  assert.deepEqual(said({ type: "read" }), ["READ A"]);
  assert.deepEqual(said({ type: "played" }), ["PLAYED A"]);
  const more = ["B", "C", "A"].map((id): BinaryNode => ({ tag: "item", attrs: { id } }));
  const list: BinaryNode[] = [{ tag: "list", attrs: {}, content: more }];
  assert.deepEqual(said({ type: "read" }, list), ["READ A B C"]);
  assert.deepEqual(said({}, [{ tag: "biz", attrs: {} }]), ["DELIVERED A"]);
  const others = ["retry", "sender", "server-error", "read-self", "played-self", "peer_msg", "hist_sync"];
  for (const type of [...others, "toString"]) assert.deepEqual(said({ type }), []);
  assert.deepEqual(said({ type: "read", recipient: "2@lid" }), []);
  assert.deepEqual(said({ from: "status@broadcast", participant: "1@lid" }), []);
  const group = { from: "1-2@g.us" };
  assert.deepEqual(said({ ...group, participant: "1@lid", type: "read" }, list), ["READ A B C 1@lid"]);
  assert.deepEqual(said(group), []);
  const users = (...jids: string[]) =>
    jids.map((jid): BinaryNode => ({ tag: "user", attrs: { jid, t: "1" } }));
  const grouped: BinaryNode[] = [
    { tag: "participants", attrs: { key: "B" }, content: users("1@lid", "2@lid") },
    { tag: "participants", attrs: { key: "C" }, content: users("2@lid") },
  ];
  assert.deepEqual(said({ ...group, type: "read" }, grouped), ["READ B 1@lid 2@lid", "READ C 2@lid"]);
});
