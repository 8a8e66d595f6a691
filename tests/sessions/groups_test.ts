import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { done, result } from "./chat_steps.ts";
import { assertNoErrorsLogged, FRIEND, LINE } from "./steps.ts";

const broker = await sharedBroker();
const TEAM = "120363000000000001@g.us";
const NEWS = "221771234567-1600000000@g.us";
const CREATED_S = 1_700_000_000;

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`GROUP_LIST and GROUP_INFO tell of the groups the number is in, by ${addressing}`, async () => {
    await using stack = await startStack({ broker });
    const { standIn, backend } = stack;
    const own = standIn.phone(LINE.phoneNumber);
    const friend = standIn.contact(FRIEND);
    // Whose number WhatsApp never tells.
    const hidden = standIn.contact("221778888888", { lidInDirectory: false });
    const about = { subject: "Team", description: "Who does it\nand when", createdAtS: CREATED_S };
    standIn.group(TEAM, [friend, own, hidden], addressing, { ...about, owner: friend, admins: [own] });
    standIn.group(NEWS, [own, friend], addressing, { subject: "", createdAtS: CREATED_S, announce: true });
    standIn.group("120363000000000009@g.us", [friend, hidden], addressing);
    await stack.startWorker();
    await pair(stack, LINE);

    const team = {
      id: TEAM,
      subject: "Team",
      size: 3,
      owner: `${FRIEND}@c.us`,
      createdAt: CREATED_S * 1000,
      announce: false,
      locked: false,
      isAdmin: true,
    };
    const news = { ...team, id: NEWS, subject: "", size: 2, owner: null, announce: true, isAdmin: false };
    assert.deepEqual((await done(stack, "GROUP_LIST")).data, { groups: [team, news] });

    const commandId = await backend.command({ action: "group_info", numberId: LINE.numberId, to: TEAM });
    const { body } = await result(stack, commandId);
    const person = (number: string, lid: string | null) => ({
      address: `${number}@c.us`,
      phoneNumber: `+${number}`,
      lid,
    });
    assert.deepEqual(body.data, {
      ...team,
      description: about.description,
      participants: [
        { ...person(FRIEND, friend.lid), admin: "superadmin" },
        { ...person(LINE.phoneNumber, own.lid), admin: "admin" },
        addressing === "lid"
          ? { address: hidden.lid, phoneNumber: null, lid: hidden.lid, admin: null }
          : { ...person(hidden.number, hidden.lid), admin: null },
      ],
    });
    assert.deepEqual(standIn.stats.violations, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("GROUP_INFO of a group that the number is not in, or that is none, says so", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  standIn.group(TEAM, [standIn.contact(FRIEND)]);
  await stack.startWorker();
  await pair(stack, LINE);
  const cases = [
    [TEAM, undefined, "not_in_group", false],
    [NEWS, undefined, "group_not_found", false],
    [TEAM, 401, "not_in_group", false],
    [TEAM, 429, "rate_limited", true],
    [TEAM, 500, "refused_500", true],
    [TEAM, 406, "refused_406", false],
  ] as const;
  for (const [to, refusal, code, retryable] of cases) {
    standIn.faults.groupRefusal = refusal;
    const { status, data, error, ...failed } = await done(stack, "GROUP_INFO", { to });
    assert.deepEqual([status, failed.code, failed.retryable], ["FAILED", code, retryable]);
    assert.match(String(error), /^[A-Z].{10}/);
    assert.equal(data, undefined);
  }
  assert.deepEqual((await done(stack, "GROUP_LIST")).code, "refused_406");
  standIn.faults.clear();
  assert.deepEqual((await done(stack, "GROUP_LIST")).data, { groups: [] });
});

Deno.test("GROUP_INFO of the largest groups and GROUP_LIST of very many are one event each", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  const own = standIn.phone(LINE.phoneNumber);
  const members = Array.from({ length: 1023 }, (_, index) => standIn.contact(String(221780000000 + index)));
  standIn.group(TEAM, [own, ...members]);
  for (let index = 0; index < 500; index++) standIn.group(`1203630000010${index + 10000}@g.us`, [own]);
  await stack.startWorker();
  await pair(stack, LINE);
  const info = (await done(stack, "GROUP_INFO", { to: TEAM })).data as { participants: unknown[] };
  assert.equal(info.participants.length, 1024);
  const list = (await done(stack, "GROUP_LIST")).data as { groups: unknown[] };
  assert.equal(list.groups.length, 501);
  assertNoErrorsLogged(stack);
});
