/** `worker dead-letters` as an operator types it. */
import { strict as assert } from "node:assert";
import { NAMES, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { openOffice, send } from "./letters.ts";

const broker = await sharedBroker();
const QUEUES = [NAMES.deadLetter, NAMES.messageSend, NAMES.pending, NAMES.sessionUpdate];

Deno.test("worker dead-letters list shows what each is, and no text, phone number or password", async () => {
  await using office = await openOffice(broker);
  const none = await office.run("dead-letters", "list");
  assert.deepEqual([none.code, none.stdout.trim()], [0, "No dead letters in 'whatsapp.dead-letter'"]);

  await office.put(
    { content: send(123), queue: "whatsapp.number.7212345678901234567", count: 3 },
    {
      content:
        '{"action":"danse +221771234567","numberId":7212345678901234567,"phoneNumber":"+221771234567"}',
      queue: NAMES.sessionCommand,
      reason: "unknown_action",
    },
    { content: '{"action": "create", ', queue: NAMES.sessionCommand, reason: "malformed_json" },
    { content: "\x1b]0;steered\x07", reason: "malformed\u202e\x1b[31m" },
    {
      content: '{"data":{"action":"check_number","numberId":6,"messageId":9,"phoneNumber":"+221779999999"}}',
      queue: NAMES.sessionCommand,
    },
    { content: '{"action":"Check_Number","numberId":6,"phoneNumber":"x"}', reason: "invalid_command" },
  );
  const { code, stdout, stderr } = await office.run("dead-letters", "list");
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.match(lines[0]!, /^ID +WHEN +REASON +FROM +WORKER +DIED +WHAT +SIZE$/);
  assert.match(
    lines[1]!,
    /^[0-9a-f]{10} {2}2025-11-24 16:00:00Z {2}handler_failed +whatsapp\.number\.7212345678901234567 +worker-1 +3 {2}TEXT, message 123, number 6 +\d+ B$/,
  );
  assert.match(lines[2]!, /danse \+?221\*+67, number 7212345678901234567/);
  assert.match(lines[3]!, /\(malformed_json\)/);
  assert.match(lines[4]!, /malformed\\u\{202e\}\\u\{1b\}\[31m/);
  const password = new URL(office.url).password;
  for (const secret of ["secret text", "221779999999", "221771234567", password, "\x1b"]) {
    assert.ok(!`${stdout}${stderr}`.includes(secret), `${JSON.stringify(secret)} is shown:\n${stdout}`);
  }

  const listed = await office.list();
  assert.deepEqual([listed.total, listed.matching], [6, 6]);
  assert.deepEqual(listed.letters[0]?.subject, { type: "TEXT", numberId: 6, messageId: 123 });
  assert.deepEqual(listed.letters.slice(4).map(({ subject }) => subject), [
    { type: "CHECK_NUMBER", numberId: 6, messageId: 9 },
    { action: "Check_Number", numberId: 6 },
  ]);
  assert.ok(!JSON.stringify(listed).includes("221771234567"));
});

Deno.test("worker dead-letters list filters, limits, and changes nothing", async () => {
  await using office = await openOffice(broker);
  await office.put(
    ...[1, 2, 3, 4].map((id) => ({ content: send(id), reason: id % 2 === 0 ? "even" : "odd" })),
    { content: send(5), reason: "odd", queue: "elsewhere" },
  );
  const odd = await office.list("--reason", "odd");
  assert.deepEqual([odd.total, odd.matching], [5, 3]);
  assert.deepEqual(odd.letters.map(({ subject }) => subject.messageId), [1, 3, 5]);
  const first = await office.list("--reason", "odd", "--queue", NAMES.messageSend, "--limit", "1");
  assert.deepEqual([first.matching, first.letters.length], [2, 1]);
  assert.equal(first.letters[0]?.id, odd.letters[0]?.id, "the same letter has the same id");
  const cut = await office.run("dead-letters", "list", "--limit", "2");
  assert.match(cut.stderr, /^2 of 5 that match, of 5 in all\n$/);
  assert.match(
    (await office.run("dead-letters", "list", "--reason", "none")).stdout,
    /None of 5 dead letters/,
  );

  const after = await office.empty(NAMES.deadLetter);
  assert.deepEqual(after.map(({ content }) => JSON.parse(content.toString()).messageId), [1, 2, 3, 4, 5]);
  assert.ok(after.every(({ fields }) => fields.redelivered), "AMQP marks what was looked at");
});

Deno.test("worker dead-letters show shows everything of one, binary and control characters safely", async () => {
  await using office = await openOffice(broker);
  const properties = {
    messageId: "m-1",
    correlationId: "c-1",
    priority: 1,
    headers: {
      nested: { list: [1, "two", { three: true }] },
      bytes: new Uint8Array([0, 255]),
      "x-evil": "\x1b[2J",
    },
  };
  await office.put(
    {
      content: `{"text":"a\x1b[31m\u202eb\u009b"}\nsecond line`,
      properties: { ...properties, headers: properties.headers },
    },
    { content: new Uint8Array([0xff, 0x00, 0x1b, 0x41]) },
  );
  const [text, binary] = (await office.list()).letters;
  const shown = await office.run("dead-letters", "show", text!.id.slice(0, 4));
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /"a\\u\{1b\}\[31m\\u\{202e\}b\\u\{9b\}"\}\n {2}second line/);
  assert.match(shown.stdout, /nested +\{"list":\[1,"two",\{"three":true\}\]\}/);
  assert.match(shown.stdout, /requeue sends to +whatsapp\.message\.send/);
  for (const part of ["m-1", "c-1", "handler_failed", "whatsapp.exchange"]) {
    assert.ok(shown.stdout.includes(part), part);
  }
  assert.ok(!shown.stdout.includes("\x1b"));

  const dumped = await office.run("dead-letters", "show", binary!.id);
  assert.match(dumped.stdout, /Body \(4 B, no UTF-8 text\)\n {2}00000000 {2}ff 00 1b 41 +\.\.\.A/);

  const json = await office.run("dead-letters", "show", text!.id, "--json");
  assert.ok(!["\x1b", "\u009b", "\u202e"].some((character) => json.stdout.includes(character)));
  const machine = JSON.parse(json.stdout);
  assert.equal(machine.body.content, `{"text":"a\x1b[31m\u202eb\u009b"}\nsecond line`);
  assert.deepEqual(machine.headers.nested, properties.headers.nested);
  const bytes = JSON.parse((await office.run("dead-letters", "show", binary!.id, "--json")).stdout);
  assert.deepEqual(bytes.body, { encoding: "base64", content: "/wAbQQ==" });
});

Deno.test("worker dead-letters requeue sends letters back where they are handled, and keeps what it cannot send", async () => {
  await using office = await openOffice(broker, { queues: QUEUES });
  const properties = {
    messageId: "m-1",
    correlationId: "c-1",
    headers: { __TypeId__: "java.lang.String", "x-expires-at": 1, "x-first-routed-at": 1 },
  };
  await office.put(
    { content: send(1), properties, count: 2 },
    { content: send(2), queue: NAMES.number("6") },
    { content: '{"action":"status"}', queue: NAMES.inbox("worker-9") },
    { content: '{"action":"status","numberId":1}', queue: NAMES.sessionUpdate },
    { content: send(5), queue: "nowhere" },
    { content: send(6), queue: NAMES.expired, reason: "stays" },
    { content: '{"action":"connected"}', queue: NAMES.sessionUpdate, reason: "not_publishable" },
  );
  const { code, stdout, stderr } = await office.run(
    "dead-letters",
    "requeue",
    "--all",
    "--reason",
    "handler_failed",
  );
  assert.equal(code, 75, stderr);
  assert.equal(stdout.match(/^requeued /gm)?.length, 4, stdout);
  assert.match(stdout, /^kept .* the queue 'nowhere' does not exist$/m);

  const sends = await office.empty(NAMES.messageSend);
  assert.deepEqual(sends.map(({ content }) => content.toString()), [send(1), send(2)]);
  const { messageId, correlationId, contentType, deliveryMode, headers = {} } = sends[0]!.properties;
  assert.deepEqual([messageId, correlationId, contentType, deliveryMode], ["m-1", "c-1", "text/plain", 2]);
  assert.equal(headers["x-dead-count"], 2, "the next death will be its third");
  assert.deepEqual(
    Object.keys(headers).filter((name) => name !== "x-publish-id").sort(),
    ["__TypeId__", "x-dead-count"],
    "deadlines of its former life are gone",
  );
  const commands = await office.empty(NAMES.pending);
  assert.deepEqual(commands.map(({ content }) => JSON.parse(content.toString())), [
    { action: "status" },
    { action: "status", numberId: 1 },
  ]);
  assert.equal(await office.onlooker.depth(NAMES.sessionUpdate), 0, "the backend reads that one");
  assert.equal((await office.run("dead-letters", "requeue", "--all", "--reason", "not_publishable")).code, 0);
  assert.equal(await office.onlooker.depth(NAMES.sessionUpdate), 1, "events are for the backend");
  assert.deepEqual((await office.list()).letters.map(({ queue }) => queue), ["nowhere", NAMES.expired]);
});

Deno.test("worker dead-letters drop drops what is named, and asks before it drops all", async () => {
  await using office = await openOffice(broker);
  await office.put(...[1, 2, 3].map((id) => ({ content: send(id) })), { content: send(4), reason: "other" });
  const [first, second] = (await office.list()).letters;
  const dropped = await office.run("dead-letters", "drop", first!.id.slice(0, 6).toUpperCase(), second!.id);
  assert.equal(dropped.code, 0, dropped.stderr);
  assert.deepEqual(
    dropped.stdout.trimEnd().split("\n").map((line) => line.split(/ +/).slice(0, 2).join(" ")),
    [`dropped ${first!.id}`, `dropped ${second!.id}`],
  );
  const again = await office.run("dead-letters", "drop", first!.id);
  assert.deepEqual([again.code, again.stdout], [66, ""]);
  assert.match(again.stderr, /There is no dead letter/);

  const asked = await office.run("dead-letters", "drop", "--all");
  assert.equal(asked.code, 64);
  assert.match(asked.stderr, /Add --yes/);
  assert.equal((await office.list()).total, 2);
  const json = await office.run("dead-letters", "drop", "--all", "--reason", "other", "--yes", "--json");
  assert.deepEqual(
    JSON.parse(json.stdout).letters.map(({ outcome, reason }: Record<string, string>) => [outcome, reason]),
    [
      ["dropped", "other"],
    ],
  );
  assert.equal((await office.run("dead-letters", "drop", "--all", "--yes")).code, 0);
  assert.equal((await office.list()).total, 0);
  const empty = await office.run("dead-letters", "drop", "--all", "--yes");
  assert.deepEqual([empty.code, empty.stderr], [0, "There is no such dead letter\n"]);
});

Deno.test("worker dead-letters tells equal letters apart, and drops as many of them as are named", async () => {
  await using office = await openOffice(broker);
  const headers = { "x-dead-time": "2026-01-01T00:00:00.000Z" };
  await office.put(...[1, 2, 3].map(() => ({ content: send(1), properties: { headers } })));
  const ids = (await office.list()).letters.map(({ id }) => id);
  assert.deepEqual(ids, [ids[0], `${ids[0]}-2`, `${ids[0]}-3`]);
  const ambiguous = await office.run("dead-letters", "drop", ids[0]!.slice(0, 8));
  assert.equal(ambiguous.code, 66);
  assert.match(ambiguous.stderr, /is the beginning of 3 ids/);
  assert.equal((await office.run("dead-letters", "drop", ids[0]!, ids[2]!)).code, 0);
  assert.deepEqual((await office.list()).letters.map(({ id }) => id), [ids[0]]);
});

Deno.test("worker dead-letters says what is wrong with broker, configuration or usage", async () => {
  await using office = await openOffice(broker, { queues: [] });
  const missing = await office.run("dead-letters", "list");
  assert.deepEqual([missing.code, missing.stdout.trim()], [0, "No dead letters in 'whatsapp.dead-letter'"]);
  assert.equal((await office.run("dead-letters", "show", "abcd")).code, 66);
  assert.equal((await office.run("dead-letters", "requeue", "--all")).code, 0);

  for (
    const [args, says] of [
      [["lst"], /cannot "lst"\n→ Did you mean 'list'\?/],
      [["list", "--limit", "0"], /Cannot show "0" letters/],
      [["list", "--all"], /'--all' does not go with/],
      [["list", "more"], /takes no "more"/],
      [["show"], /needs to be told which/],
      [["show", "ab"], /too short/],
      [["show", "wxyz"], /is no id/],
      [["drop"], /not said which/],
      [["drop", "abcd", "--all"], /not both/],
      [["requeue", "--all", "--yes"], /'--yes' does not go with/],
    ] as const
  ) {
    const { code, stderr } = await office.run("dead-letters", ...args);
    assert.equal(code, 64, args.join(" "));
    assert.match(stderr, says);
  }

  const password = new URL(office.url).password;
  await office.installation.set({ RABBITMQ_URL: office.url.replace(/:\d+\//, ":1/") });
  const away = await office.run("dead-letters", "list");
  assert.equal(away.code, 69);
  assert.match(away.stderr, /refuses connections[^]*→ Start RabbitMQ/);
  await office.installation.set({ RABBITMQ_URL: office.url.replace(password, "wr0ngPassw0rd") });
  const refused = await office.run("dead-letters", "list");
  assert.equal(refused.code, 69);
  assert.match(refused.stderr, /refuses user/);
  assert.ok(![away, refused].some(({ stderr }) => stderr.includes(password) || stderr.includes("wr0ng")));
  await office.installation.set({ LOG_LEVEL: "loud" });
  const wrong = await office.run("dead-letters", "list");
  assert.deepEqual([wrong.code, wrong.stdout], [78, ""]);
});

Deno.test("worker dead-letters waits for another operator who reads them", async () => {
  await using office = await openOffice(broker);
  await office.put({ content: send(1) }, { content: send(2) });
  await office.onlooker.channel.consume(NAMES.deadLetter, () => {}, {
    exclusive: true,
  });
  const listed = office.run("dead-letters", "list", "--json");
  const lists = Promise.all([1, 2, 3].map(() => office.list()));
  await until(
    async () => await connections(office.url) >= 5,
    { describe: "four programs and the onlooker are connected", timeoutMs: 20_000, everyMs: 200 },
  );
  await office.onlooker.channel.close();
  const { code, stdout, stderr } = await listed;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Somebody else reads 'whatsapp.dead-letter' at this moment; waiting/);
  assert.equal(JSON.parse(stdout).total, 2);
  for (const { total } of await lists) assert.equal(total, 2, "no operator sees the queue half empty");
});

async function connections(url: string): Promise<number> {
  const listed = await broker.ctl("list_connections", "vhost");
  return listed.split("\n").filter((line) => line.trim() === new URL(url).pathname.slice(1)).length;
}
