import { strict as assert } from "node:assert";
import { startProxy } from "../rabbitmq/proxy.ts";
import { FLAWS } from "../stand_in/certificate.ts";
import { startStandIn } from "../stand_in/stand_in.ts";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";
import { MEMORY_KEY } from "../../src/whatsapp/session/web_version.ts";
import { Database } from "../../src/store/database.ts";
import { Memory } from "../../src/store/memory.ts";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";
import { answering } from "./servers.ts";

Deno.test("checkAll() gets an answer from WhatsApp's websocket and does not log in", async () => {
  await using standIn = await startStandIn();
  await using installation = await Installation.make({ WHATSAPP_WEB_URL: standIn.url });
  const report = await installation.check();
  assert.equal(statuses(report)["whatsapp.reach"], "ok");
  assert.match(resultOf(report, "whatsapp.upgrade").findings[0]?.found ?? "", /^answered in \d+ ms$/);
  assert.equal(standIn.stats.logins, 0);
});

Deno.test("checkAll() quotes what answers in WhatsApp's place", async () => {
  await using standIn = await startStandIn();
  await using installation = await Installation.make({ WHATSAPP_WEB_URL: standIn.url });
  standIn.faults.refuseUpgrade(503);
  const refused = await installation.check();
  assert.equal(troubleIn(refused, "whatsapp.upgrade").code, "upgrade_refused");
  assert.match(troubleIn(refused, "whatsapp.upgrade").found, /says 'HTTP\/1\.1 503 /);
  assert.equal(refused.exitCode, 69);

  await using nobody = await answering("");
  await installation.set({ WHATSAPP_WEB_URL: `ws://127.0.0.1:${nobody.port}/ws/chat` });
  assert.match(
    troubleIn(await installation.check(), "whatsapp.upgrade").found,
    /hung up instead of answering/,
  );
});

Deno.test("checkAll() gives up on a WhatsApp behind a black hole", async () => {
  await using standIn = await startStandIn();
  await using proxy = await startProxy(Number(new URL(standIn.url).port));
  proxy.blackhole("both");
  await using installation = await Installation.make({
    WHATSAPP_WEB_URL: `ws://127.0.0.1:${proxy.port}/ws/chat`,
  });
  const report = await installation.check({ checkTimeoutMs: 300 });
  assert.equal(troubleIn(report, "whatsapp.upgrade").code, "upgrade_silent");
});

const BUNDLED = DEFAULT_CONNECTION_CONFIG.version.join(".");

/** An installation that trusts this stand-in. */
const installedFor = ({ url, rootKeyHex }: { url: string; rootKeyHex: string }) =>
  Installation.make({ WHATSAPP_WEB_URL: url, WHATSAPP_ROOT_KEY: rootKeyHex });

Deno.test("checkAll() has WhatsApp prove who it is, and does not log in", async () => {
  await using standIn = await startStandIn();
  await using installation = await installedFor(standIn);
  const report = await installation.check({ only: "whatsapp" });
  assert.match(
    resultOf(report, "whatsapp.handshake").findings[0]?.found ?? "",
    /^certificate verified \(that of WHATSAPP_ROOT_KEY\), in \d+ ms; not logged in$/,
  );
  assert.equal(report.status, "ok");
  assert.deepEqual([standIn.stats.logins, standIn.stats.violations], [0, []]);
});

for (const flaw of FLAWS) {
  Deno.test(`checkAll() fails for a server in WhatsApp's place: ${flaw}`, async () => {
    await using standIn = await startStandIn();
    await using installation = await installedFor(standIn);
    standIn.faults.untrustedCertificate = flaw;
    const report = await installation.check({ only: "whatsapp" });
    const trouble = troubleIn(report, "whatsapp.handshake");
    assert.deepEqual([trouble.status, trouble.code, report.exitCode], ["failure", "untrusted_server", 69]);
    assert.match(trouble.remedy ?? "", /^Somebody sits in between/);
  });
}

Deno.test("checkAll() fails for a stand-in that nothing says to trust", async () => {
  await using standIn = await startStandIn();
  await using installation = await Installation.make({ WHATSAPP_WEB_URL: standIn.url });
  const report = await installation.check({ only: "whatsapp.handshake" });
  assert.equal(troubleIn(report, "whatsapp.handshake").code, "untrusted_server");
});

/** Takes websockets as WhatsApp does, and then does this when it is greeted. */
async function startImposter(greeted: (socket: WebSocket) => void) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  server.on("connection", (socket) => socket.on("message", () => greeted(socket)));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/chat`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

const IMPOSTERS: [what: string, greeted: (socket: WebSocket) => void, code: string, found: RegExp][] = [
  ["says nothing", () => {}, "handshake_silent", /does not answer a greeting in time/],
  ["hangs up", (socket) => socket.close(1008), "handshake_failed", /it closed the connection \(1008\)$/],
  [
    "says something else",
    (socket) => socket.send(Buffer.from([0, 0, 3, 1, 2, 3])),
    "handshake_failed",
    /not greet/,
  ],
  [
    "says all it has at once",
    (socket) => socket.send(Buffer.alloc(1024 * 1024)),
    "handshake_failed",
    /Max payload size exceeded$/,
  ],
  [
    // The start of the largest frame there can be, and what would be the rest.
    "goes on and on",
    (socket) => {
      for (let sent = 0; sent < 100; sent++) socket.send(Buffer.alloc(1024, 0xff));
    },
    "handshake_failed",
    /says more than 65536 bytes$/,
  ],
];
for (const [what, greeted, code, found] of IMPOSTERS) {
  Deno.test(`checkAll() fails for a server that takes websockets and ${what}`, async () => {
    await using imposter = await startImposter(greeted);
    await using installation = await Installation.make({ WHATSAPP_WEB_URL: imposter.url });
    // More than what there has to be to load Baileys.
    const report = await installation.check({ only: "whatsapp.handshake", checkTimeoutMs: 1_200 });
    const trouble = troubleIn(report, "whatsapp.handshake");
    assert.equal(trouble.code, code);
    assert.match(trouble.found, found);
  });
}

Deno.test("checkAll() tells the version of WhatsApp's page and the one of the last login", async () => {
  await using standIn = await startStandIn();
  await using installation = await installedFor(standIn);
  standIn.page.revision = 1_099_999_999;
  const found = async () =>
    resultOf(await installation.check({ only: "whatsapp.version" }), "whatsapp.version").findings[0]?.found;
  assert.equal(
    await found(),
    `WhatsApp Web is at 2.3000.1099999999; bundled ${BUNDLED}, no login yet from this state folder`,
  );
  const database = await Database.open(installation.sessionDir);
  await new Memory(database).remember(MEMORY_KEY, "2.3000.1088888888");
  database.close();
  assert.match(await found() ?? "", /, last login with 2\.3000\.1088888888$/);
});

Deno.test("checkAll() warns when WhatsApp's page does not say its version", async () => {
  await using standIn = await startStandIn();
  await using installation = await installedFor(standIn);
  standIn.page.answer = (response) => void response.writeHead(403).end();
  const trouble = troubleIn(await installation.check({ only: "whatsapp.version" }), "whatsapp.version");
  assert.deepEqual([trouble.status, trouble.code], ["warning", "version_unknown"]);
  assert.match(trouble.found, /sw\.js answers with HTTP 403; bundled /);
});

Deno.test("checkAll() does not begin to load Baileys when there is no time for it", async () => {
  await using standIn = await startStandIn();
  await using installation = await installedFor(standIn);
  const report = await installation.check({ only: "whatsapp", totalTimeoutMs: 900 });
  for (const id of ["whatsapp.handshake", "whatsapp.version"]) {
    assert.equal(troubleIn(report, id).code, "too_little_time", id);
  }
});
