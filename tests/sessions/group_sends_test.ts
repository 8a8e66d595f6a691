import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, settled } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

for (const addressing of ["lid", "pn"] as const) {
  for (const restart of [false, true]) {
    const name = `A group by ${addressing} reads what is sent to it, and who cannot gets it again` +
      (restart ? ", after a restart" : "");
    Deno.test(name, async () => {
      await using stack = await startStack({ broker });
      const { standIn, backend } = stack;
      const one = standIn.contact(FRIEND);
      const other = standIn.contact("221778888888", { autoAsk: false });
      standIn.group(GROUP, [one, other, standIn.phone(LINE.phoneNumber)], addressing);
      const worker = await stack.startWorker();
      await pair(stack, LINE);
      const send = async (messageId: number, content: string) => {
        const { numberId } = LINE;
        const command = await backend.send({ messageId, numberId, to: GROUP, content, type: "TEXT" });
        await answer(stack, command, "SENT");
        return command;
      };
      await send(1, "hello all");
      for (const member of [one, other]) assert.equal((await member.next()).text, "hello all");
      other.failToRead();
      const command = await send(2, "again for one");
      assert.equal((await one.next()).text, "again for one");
      if (restart) {
        await worker.stop();
        await stack.startWorker();
        await event(stack, LINE, "connected");
      }
      await other.askAgain();
      assert.equal((await other.next()).text, "again for one");
      await send(3, "and on");
      for (const member of [one, other]) assert.equal((await member.next()).text, "and on");
      await settled(stack, LINE);
      const told = backend.received.filter(({ properties }) => properties.correlationId === command);
      const statuses = told.map(({ body }) => body.status);
      assert.deepEqual([...new Set(statuses)], ["SENT", "DELIVERED"]);
      assert.deepEqual(one.inbox.map(({ text }) => text), ["hello all", "again for one", "and on"]);
      assert.deepEqual(standIn.stats.violations, []);
      assertNoErrorsLogged(stack);
    });
  }
}
