import { strict as assert } from "node:assert";
import { startStandIn } from "../stand_in/stand_in.ts";
import { Installation, resultOf, troubleIn } from "./installation.ts";

const check = (installation: Installation) => installation.check({ only: "clock" });

/** An HTTP server whose clock is `ms` ahead of this machine's. */
function serverAhead(ms: number): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("", { headers: { date: new Date(Date.now() + ms).toUTCString() } }),
  );
}

Deno.test("checkAll() compares the clock with WhatsApp's", async () => {
  await using standIn = await startStandIn();
  await using installation = await Installation.make({ WHATSAPP_WEB_URL: standIn.url });
  const [finding] = resultOf(await check(installation), "clock").findings;
  assert.deepEqual([finding?.status, finding?.facts?.host], ["ok", new URL(standIn.url).host]);
});

Deno.test("checkAll() tells a skew that does no harm", async () => {
  await using server = serverAhead(15_000);
  await using installation = await Installation.make({
    BACKEND_API_URL: `http://127.0.0.1:${server.addr.port}`,
  });
  const [finding] = resultOf(await check(installation), "clock").findings;
  assert.equal(finding?.status, "ok");
  assert.match(finding.found, /is 1\d s slow/);
});

const SKEWS: [ms: number, found: RegExp][] = [
  [60_000, /is \d+ s slow, by 127\.0\.0\.1:\d+$/],
  [-600_000, /is 10 min fast/],
  [-3 * 86_400_000, /is 72 h fast/],
];
for (const [ms, found] of SKEWS) {
  Deno.test(`checkAll() warns when a server is ${ms / 1000} s ahead, by the backend where WhatsApp is away`, async () => {
    await using server = serverAhead(ms);
    await using installation = await Installation.make({
      BACKEND_API_URL: `http://127.0.0.1:${server.addr.port}`,
    });
    const trouble = troubleIn(await check(installation), "clock");
    assert.deepEqual([trouble.status, trouble.code], ["warning", "clock_skew"]);
    assert.match(trouble.found, found);
    assert.match(trouble.remedy ?? "", /timedatectl/);
  });
}

Deno.test("checkAll() asks nobody's clock where nobody is in reach", async () => {
  await using installation = await Installation.make();
  const [finding] = resultOf(await check(installation), "clock").findings;
  assert.deepEqual([finding?.status, finding?.facts?.asked], ["ok", false]);
});
