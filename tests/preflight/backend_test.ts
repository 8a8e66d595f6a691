import { strict as assert } from "node:assert";
import { Installation, resultOf, troubleIn } from "./installation.ts";
import { answering } from "./servers.ts";

const KEY = "the-key-of-the-backend";

/** A backend's API that answers so, and what it was asked. */
function startApi(answer: (request: Request) => Response) {
  const asked: { method: string; url: string; headers: Headers }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    // Of the request itself nothing is left when it is answered.
    asked.push({ method: request.method, url: request.url, headers: new Headers(request.headers) });
    return answer(request);
  });
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}/api`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const check = (installation: Installation) => installation.check({ only: "backend" });

Deno.test("checkAll() shows the backend its key both ways, by GET alone, and says that it is taken", async () => {
  await using api = startApi(({ headers }) =>
    new Response("", { status: headers.has("x-api-key") ? 200 : 401 })
  );
  await using installation = await Installation.make({ BACKEND_API_URL: api.url });
  const { status, findings } = resultOf(await check(installation), "backend.api");
  assert.equal(status, "ok", JSON.stringify(findings));
  assert.match(findings.at(-1)?.found ?? "", /^answers with 200 in \d+ ms; the key is taken$/);
  const [bare, keyed] = api.asked;
  assert.deepEqual([bare?.headers.get("authorization"), bare?.headers.get("x-api-key")], [null, null]);
  assert.deepEqual([keyed?.headers.get("authorization"), keyed?.headers.get("x-api-key")], [
    `Bearer ${KEY}`,
    KEY,
  ]);
  assert.ok(api.asked.every(({ method, url }) => method === "GET" && url === api.url));
});

const ANSWERS: [status: number, key: string, code: string, found: RegExp][] = [
  [401, KEY, "key_refused", /answers with 401 .*: it does not take the key$/],
  [403, KEY, "key_refused", /answers with 403/],
  [401, "", "key_missing", /it asks for a key, and BACKEND_API_KEY is empty$/],
  [503, KEY, "backend_failing", /answers with 503/],
  [404, KEY, "ok", /answers with 404 .*; it does not ask for the key at this address$/],
  [302, KEY, "ok", /answers with 302/],
  [200, "", "ok", /no key is set$/],
];
for (const [status, key, code, found] of ANSWERS) {
  Deno.test(`checkAll() takes a backend that says ${status} ${key ? "with" : "without"} a key as: ${code}`, async () => {
    await using api = startApi(() =>
      new Response("", { status, headers: { location: "http://127.0.0.1:1/" } })
    );
    await using installation = await Installation.make({ BACKEND_API_URL: api.url, BACKEND_API_KEY: key });
    const report = await check(installation);
    const finding = resultOf(report, "backend.api").findings.at(-1);
    assert.equal(finding?.code, code);
    assert.match(finding.found, found);
    assert.equal(report.exitCode, 0, "a backend in trouble is no reason not to start");
  });
}

Deno.test("checkAll() warns of a backend that is not there, or no HTTP server", async () => {
  await using installation = await Installation.make();
  const gone = troubleIn(await check(installation), "backend.api");
  assert.deepEqual([gone.status, gone.code, gone.subject], ["warning", "refused", "TCP"]);
  await using other = await answering("SSH-2.0-OpenSSH_9.2\r\n");
  await installation.set({ BACKEND_API_URL: `http://127.0.0.1:${other.port}/api` });
  assert.equal(troubleIn(await check(installation), "backend.api").code, "backend_silent");
});
