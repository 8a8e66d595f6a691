import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { Installation, resultOf, troubleIn } from "./installation.ts";
import { answering } from "./servers.ts";

const check = (installation: Installation) => installation.check({ only: "http" });

function serve(status: number): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("", { status }));
}

Deno.test("checkAll() finds the port for machines free, or off", async () => {
  await using installation = await Installation.make({ HTTP_PORT: String(freePort()) });
  const found = async () => resultOf(await check(installation), "http.port").findings[0]?.found ?? "";
  assert.match(await found(), /^127\.0\.0\.1:\d+ is free$/);
  await installation.set({ HTTP_PORT: "" });
  assert.match(await found(), /^off/);
});

Deno.test("checkAll() warns of media that nobody can fetch while nothing is served", async () => {
  await using installation = await Installation.make({ HTTP_PORT: "" });
  const trouble = troubleIn(await check(installation), "http.port");
  assert.deepEqual([trouble.status, trouble.code], ["warning", "media_out_of_reach"]);
  assert.match(trouble.found, /larger than MEDIA_INLINE_LIMIT \(262144 bytes\)$/);
  await installation.set({ MEDIA_KEEP_SIZE: "0" });
  assert.equal(resultOf(await check(installation), "http.port").status, "ok");
});

Deno.test("checkAll() knows the running worker on its port, and nobody else", async () => {
  await using worker = serve(200);
  await using installation = await Installation.make({ HTTP_PORT: String(worker.addr.port) });
  const stranger = troubleIn(await check(installation), "http.port");
  assert.deepEqual([stranger.status, stranger.code], ["warning", "port_taken"]);
  assert.match(stranger.found, /by another worker$/);
  const database = await Database.open(installation.sessionDir);
  try {
    const [own] = resultOf(await check(installation), "http.port").findings;
    assert.match(own?.found ?? "", /is the running worker's; \/livez answers 200$/);
    await using other = serve(404);
    await installation.set({ HTTP_PORT: String(other.addr.port) });
    assert.match(troubleIn(await check(installation), "http.port").found, /by another program$/);
    await using mute = await answering("220 smtp\r\n");
    await installation.set({ HTTP_PORT: String(mute.port) });
    assert.match(troubleIn(await check(installation), "http.port").found, /by another program$/);
  } finally {
    database.close();
  }
});

Deno.test("checkAll() fails for an address that is not this machine's", async () => {
  // Kept for documentation: no machine has it.
  await using installation = await Installation.make({
    HTTP_HOST: "192.0.2.1",
    HTTP_PORT: "8090",
    HTTP_TOKEN: "0".repeat(32),
  });
  const trouble = troubleIn(await check(installation), "http.port");
  assert.equal(trouble.code, "port_unusable");
});
