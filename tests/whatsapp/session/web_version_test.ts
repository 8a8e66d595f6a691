import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";
import pino from "pino";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { fetchWebVersion, webPageUrl } from "../../../src/whatsapp/session/web_page.ts";
import { WebVersions } from "../../../src/whatsapp/session/web_version.ts";
import { startStandIn } from "../../stand_in/stand_in.ts";

const [, , REVISION] = DEFAULT_CONNECTION_CONFIG.version;
const BUNDLED = `2.3000.${REVISION}`;
const NEWER = `2.3000.${REVISION + 1_000}`;
const NEWEST = `2.3000.${REVISION + 2_000}`;
const OLDER = `2.3000.${REVISION - 1_000}`;
const { signal } = new AbortController();

/** The page of a stand-in, a clock, a memory that outlives restarts, and the levels of what was logged. */
async function world() {
  const standIn = await startStandIn();
  const store = makeStore(Database.inMemory(), Date.now);
  const clock = { nowMs: 1_700_000_000_000 };
  const logged: { level: number; msg: string }[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  return {
    page: standIn.page,
    clock,
    logged,
    memory: store.memory,
    start: async () => {
      const { memory } = store;
      const now = () => clock.nowMs;
      const versions = new WebVersions({ webUrl: standIn.url, memory, now, log, signal, pageTimeoutMs: 300 });
      await versions.recall();
      return versions;
    },
    [Symbol.asyncDispose]: async () => {
      await standIn.close();
      store.close();
    },
  };
}

const revisionOf = (text: string) => Number(text.split(".")[2]);
const named = ({ current: { text, source } }: WebVersions) => [text, source];

Deno.test("webPageUrl() is WhatsApp's page on the host of the websocket", () => {
  assert.equal(webPageUrl("wss://web.whatsapp.com/ws/chat").href, "https://web.whatsapp.com/sw.js");
  assert.equal(webPageUrl("ws://127.0.0.1:8080/ws/chat?a=b").href, "http://127.0.0.1:8080/sw.js");
});

Deno.test("WebVersions.current is Baileys' own, and asks nobody, until one is refused", async () => {
  await using test = await world();
  const versions = await test.start();
  assert.deepEqual(named(versions), [BUNDLED, "bundled"]);
  await versions.accepted(versions.current);
  assert.equal(test.page.requests, 0);
});

Deno.test("WebVersions.refused() has WhatsApp's page say the version, once for all who ask", async () => {
  await using test = await world();
  const versions = await test.start();
  test.page.revision = revisionOf(NEWER);
  const { current } = versions;
  const answers = await Promise.all(Array.from({ length: 200 }, () => versions.refused(current, signal)));
  assert.deepEqual([...new Set(answers)], [true]);
  assert.deepEqual(named(versions), [NEWER, "live"]);
  // A socket that was under way meanwhile brings no news.
  assert.equal(await versions.refused(current, signal), true);
  assert.equal(test.page.requests, 1);
});

Deno.test("WebVersions.accepted() has the next start begin with the last good version", async () => {
  await using test = await world();
  const before = await test.start();
  test.page.revision = revisionOf(NEWER);
  await before.refused(before.current, signal);
  assert.deepEqual(named(await test.start()), [BUNDLED, "bundled"], "not before a login succeeded");
  await before.accepted(before.current);
  const after = await test.start();
  assert.deepEqual(named(after), [NEWER, "last_good"]);
  assert.equal(test.page.requests, 1);
});

Deno.test("WebVersions.current is Baileys' own again when that is newer than the last good one", async () => {
  await using test = await world();
  await test.memory.remember("whatsapp_web_version", OLDER);
  const versions = await test.start();
  assert.deepEqual(named(versions), [BUNDLED, "bundled"]);
  test.page.answer = (response) => void response.writeHead(404).end();
  assert.equal(await versions.refused(versions.current, signal), true);
  assert.deepEqual(named(versions), [OLDER, "last_good"], "a login has succeeded with it");
});

Deno.test("WebVersions.current never goes back behind the last good one, unless the page says so", async () => {
  await using test = await world();
  await test.memory.remember("whatsapp_web_version", NEWER);
  const versions = await test.start();
  test.page.answer = (response) => void response.writeHead(503).end();
  assert.equal(await versions.refused(versions.current, signal), false);
  assert.deepEqual(named(versions), [NEWER, "last_good"], "and not to the older one of Baileys");
  test.clock.nowMs += 5 * 60_000;
  test.page.answer = undefined;
  assert.equal(await versions.refused(versions.current, signal), true);
  assert.deepEqual(named(versions), [BUNDLED, "live"]);
});

Deno.test("WebVersions.refused() goes back to a good version when the page has said one that is none", async () => {
  await using test = await world();
  await test.memory.remember("whatsapp_web_version", NEWER);
  const versions = await test.start();
  test.page.revision = revisionOf(NEWEST);
  await versions.refused(versions.current, signal);
  assert.deepEqual(named(versions), [NEWEST, "live"]);
  assert.equal(await versions.refused(versions.current, signal), false, "both were refused");
  await versions.accepted({ ...versions.current, text: NEWER });
  assert.deepEqual(named(versions), [NEWER, "last_good"]);
});

Deno.test("WebVersions.refused() asks the page every five minutes at most, and says once that nothing helps", async () => {
  await using test = await world();
  const versions = await test.start();
  for (let minute = 0; minute < 11; minute++) {
    assert.equal(await versions.refused(versions.current, signal), false);
    test.clock.nowMs += 60_000;
  }
  assert.equal(test.page.requests, 3);
  assert.deepEqual(named(versions), [BUNDLED, "bundled"]);
  const errors = test.logged.filter(({ level }) => level >= 50);
  assert.equal(errors.length, 1);
  test.page.revision = revisionOf(NEWER);
  test.clock.nowMs += 5 * 60_000;
  assert.equal(await versions.refused(versions.current, signal), true, "WhatsApp has moved on");
});

Deno.test("WebVersions.refused() does not keep who is told to stop waiting for the page", async () => {
  await using test = await world();
  const versions = await test.start();
  const told = new AbortController();
  test.page.answer = () => told.abort();
  assert.equal(await versions.refused(versions.current, told.signal), false);
  assert.deepEqual(test.logged, []);
});

Deno.test("WebVersions.recall() does not use what is no version", async () => {
  await using test = await world();
  for (const text of ["", "2.3000", "2.3000.x", "2.3000.1043857760; DROP", "-1.2.3", "9".repeat(99)]) {
    await test.memory.remember("whatsapp_web_version", text);
    assert.deepEqual(named(await test.start()), [BUNDLED, "bundled"], text);
  }
});

const says = (text: string, status = 200) => (response: ServerResponse) =>
  void response.writeHead(status).end(text);

for (
  const [what, answer] of [
    ["is gone", says("", 404)],
    ["has moved", (response) => void response.writeHead(302, { location: "/elsewhere" }).end()],
    ["is empty", says("")],
    ["is another one", says("<html>Please log in to the hotel's network</html>")],
    ["names no revision", says('{"client_revision":null}')],
    ["names one far too small", says('{"client_revision":1}')],
    ["names one that no login can carry", says('{"client_revision":4294967296}')],
    ["names a number without end", says(`{"client_revision":${"1".repeat(400)}}`)],
    ["names one that is none", says('{"client_revision":"1043857760"}')],
    [
      "is no text",
      (response) => void response.writeHead(200).end(crypto.getRandomValues(new Uint8Array(999))),
    ],
    ["never answers", () => {}],
    ["never ends", (response) => {
      response.writeHead(200).write('{"client_revision":1043');
    }],
    ["breaks off", (response) => {
      response.writeHead(200).write('{"client_revision":1043');
      response.destroy();
    }],
  ] as [string, (response: ServerResponse) => void][]
) {
  Deno.test(`fetchWebVersion() takes no version from a page that ${what}`, async () => {
    await using test = await world();
    test.page.answer = answer;
    const versions = await test.start();
    assert.equal(await versions.refused(versions.current, signal), false);
    assert.deepEqual(named(versions), [BUNDLED, "bundled"]);
    assert.equal(test.page.requests, 1);
  });
}

Deno.test("fetchWebVersion() finds the revision where the page has it: in JSON, and in JSON within a string", async () => {
  await using standIn = await startStandIn();
  for (const page of ['{"client_revision": 1043857761,', '"{\\"client_revision\\":1043857761}"']) {
    standIn.page.answer = says(`self.x=${page} // ${"é".repeat(100_000)}`);
    assert.deepEqual(await fetchWebVersion(standIn.url, { signal }), [2, 3000, 1043857761]);
  }
});

Deno.test("fetchWebVersion() stops reading a page that is huge", async () => {
  await using standIn = await startStandIn();
  standIn.page.answer = (response) => {
    response.writeHead(200);
    const more = () => response.destroyed || response.write("x".repeat(65_536), () => more());
    more();
  };
  await assert.rejects(fetchWebVersion(standIn.url, { signal, timeoutMs: 60_000 }), /is larger than 4194304/);
});
