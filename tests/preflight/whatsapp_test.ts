import { strict as assert } from "node:assert";
import { startProxy } from "../rabbitmq/proxy.ts";
import { startStandIn } from "../stand_in/stand_in.ts";
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
