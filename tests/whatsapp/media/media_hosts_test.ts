import { strict as assert } from "node:assert";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { MediaHosts } from "../../../src/whatsapp/media/media_hosts.ts";

function answer(hostname: string | undefined, attrs: Record<string, string> = {}): BinaryNode {
  const hosts = hostname === undefined ? [] : [{ tag: "host", attrs: { hostname } }];
  const connection = { tag: "media_conn", attrs: { auth: "secret", ttl: "300", ...attrs }, content: hosts };
  return { tag: "iq", attrs: {}, content: [connection] };
}

/** Answers each question with the next of `answers`. */
function serverThat(...answers: (BinaryNode | Error | undefined)[]) {
  const questions: BinaryNode[] = [];
  const hosts = new MediaHosts((question) => {
    questions.push(question);
    const next = answers.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
  return { hosts, questions };
}

Deno.test("MediaHosts.ask() asks again after silence, a refusal and an answer that says nothing", async () => {
  const nothing = { tag: "iq", attrs: {} };
  const { hosts, questions } = serverThat(undefined, new Error("refused"), nothing, answer("one"));
  for (let i = 0; i < 3; i++) await assert.rejects(hosts.ask());
  assert.deepEqual((await hosts.ask()).hosts.map(({ hostname }) => hostname), ["one"]);
  await hosts.ask();
  assert.equal(questions.length, 4);
});

Deno.test("MediaHosts.ask() remembers what it was told as long as that says, and no absurd time", async () => {
  for (
    const [ttl, times] of [["300", 1], ["nonsense", 1], ["-1", 1], ["1e99", 1], ["0.000001", 2]] as const
  ) {
    const { hosts, questions } = serverThat(answer("one", { ttl }), answer("two"));
    await hosts.ask();
    await new Promise((resolve) => setTimeout(resolve, 2));
    await hosts.ask();
    assert.equal(questions.length, times, ttl);
  }
  const { hosts } = serverThat(answer("one"), answer("two"), undefined);
  await hosts.ask();
  assert.equal((await hosts.ask(true)).hosts[0]?.hostname, "two");
  await assert.rejects(hosts.ask(true));
  assert.equal(hosts.last?.hosts[0]?.hostname, "two");
});

Deno.test("MediaHosts.ask() does not remember that there is no host, and asks once for all who ask at once", async () => {
  const { hosts, questions } = serverThat(answer(undefined), answer("one"));
  assert.deepEqual((await hosts.ask()).hosts, []);
  const told = await Promise.all([hosts.ask(), hosts.ask(), hosts.ask()]);
  assert.deepEqual(told.map(({ hosts }) => hosts[0]?.hostname), ["one", "one", "one"]);
  assert.equal(questions.length, 2);
});
