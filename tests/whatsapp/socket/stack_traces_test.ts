import { strict as assert } from "node:assert";
import { promiseTimeout } from "@whiskeysockets/baileys";
import { spareBaileysStackTraces } from "../../../src/whatsapp/socket/stack_traces.ts";

Deno.test("spareBaileysStackTraces() takes away what Baileys keeps for a timeout, and no other trace", async () => {
  const before = new Error("before").stack;
  spareBaileysStackTraces();
  const after = new Error("before").stack;
  const text = (stack = "") => stack.replaceAll("file://", "").replaceAll(/:\d+:\d+/g, "");
  assert.equal(text(after), text(before));
  assert.match(after ?? "", /stack_traces_test\.ts:8:17/);
  await assert.rejects(promiseTimeout(1, () => {}), (error: Error & { data: { stack: string } }) => {
    assert.match(error.stack ?? "", /^Error: Timed Out\n {4}at .*generics\.js/);
    assert.equal(error.data.stack, "");
    return true;
  });
});
