import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Report } from "../../src/preflight/report.ts";
import { Database } from "../../src/store/database.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import { AUTHORITY, EXPIRED, GOOD, OTHER_NAME } from "./certificates.ts";
import { Installation, type Ran, resultOf, statuses, troubleIn } from "./installation.ts";
import { answering, type OtherServer } from "./servers.ts";

const broker = await sharedBroker();

const NOBODY = 65534;
const AS_NOBODY = new URL("as_nobody.ts", import.meta.url).pathname;

const reportOf = ({ stdout }: Ran) => JSON.parse(stdout) as Report;

/** Everything but this very machine, and what may be installed on it. */
const DEPLOYMENT = "configuration,state,broker,whatsapp,backend,clock,http";

/** Every file below with its owner. */
async function owners(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const lists = await Promise.all(entries.map(async ({ name, isDirectory }) => {
    const path = join(folder, name);
    const own = `${path} ${(await Deno.stat(path)).uid}`;
    return isDirectory ? [own, ...await owners(path)] : [own];
  }));
  return lists.flat().sort();
}

async function chownAll(folder: string, uid: number): Promise<void> {
  for (const line of await owners(folder)) await Deno.chown(line.replace(/ \d+$/, ""), uid, uid);
  await Deno.chown(folder, uid, uid);
}

/** A backend's API that takes one key. */
function startApi(key: string): Deno.HttpServer<Deno.NetAddr> {
  const isKey = ({ headers }: Request) => headers.get("x-api-key") === key;
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => new Response("", { status: isKey(request) ? 200 : 401 }),
  );
}

Deno.test("worker --check finds all well beside a running worker, and disturbs nothing", async () => {
  await using stack = await startStack({ broker });
  await using api = startApi("the-key");
  const environment = {
    ...stack.environment,
    BACKEND_API_URL: `http://127.0.0.1:${api.addr.port}/api`,
    BACKEND_API_KEY: "the-key",
    RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${broker.layout.httpPort}`,
    // Nothing is served here from which they could be fetched.
    MEDIA_KEEP_SIZE: "0",
  };
  const check = ["--check", "--only", DEPLOYMENT];
  await using installation = await Installation.make(environment);
  const first = reportOf(await installation.run([...check, "--json"]));
  const { "broker.wiring": unproven, ...others } = statuses(first);
  assert.equal(unproven, "warning", "no command has come yet");
  assert.deepEqual(new Set(Object.values(others)), new Set(["ok"]), "before the first start");

  const program = stack.startProgram({ LOG_LEVEL: "info" });
  await program.printed("the worker is ready");
  await stack.backend.command({ action: "status" });
  await program.printed("commands come through the exchange");
  const printed = program.output().length;
  const ran = await installation.run([...check, "--json", "--strict"]);
  assert.equal(ran.code, 0, ran.stdout);
  assert.equal(ran.stderr, "", "no progress where there is no terminal");
  const report = reportOf(ran);
  assert.equal(report.status, "ok");
  assert.equal(resultOf(report, "state.holder").findings[0]?.facts?.held, true);

  const human = await installation.run(check);
  assert.equal(human.code, 0);
  assert.match(human.stdout, new RegExp(`\\nAll ${report.checks.length} checks are fine \\(`));
  assert.ok(!human.stdout.includes("\x1b"), "no colours where there is no terminal");
  assert.doesNotMatch(program.output().slice(printed), /"level":[456]0/, "the worker did not notice");
});

Deno.test({
  name: "worker --check finds all well as root and as the user of the service, and leaves nothing of root's",
  // Only root can become somebody else.
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using stack = await startStack({ broker, environment: { SESSION_WIRING: "exchange" } });
    await using api = startApi("the-key");
    await using installation = await Installation.make({
      ...stack.environment,
      SESSION_WIRING: "exchange",
      MEDIA_KEEP_SIZE: "0",
      BACKEND_API_URL: `http://127.0.0.1:${api.addr.port}/api`,
      BACKEND_API_KEY: "the-key",
    });
    await installation.set({ SESSION_DIR: installation.sessionDir });
    (await Database.open(installation.sessionDir)).close();
    await chownAll(installation.folder, NOBODY);
    const before = await owners(installation.folder);
    const asRoot = await installation.run(["--check", "--only", DEPLOYMENT, "--json"]);
    assert.equal(reportOf(asRoot).status, "ok", asRoot.stdout);
    const asNobody = await installation.run(["--only", DEPLOYMENT, "--json"], {}, AS_NOBODY);
    assert.equal(reportOf(asNobody).status, "ok", asNobody.stdout);
    assert.deepEqual(await owners(installation.folder), before);

    await chownAll(installation.sessionDir, 0);
    const lockedOut = reportOf(await installation.run(["--only", "state", "--json"], {}, AS_NOBODY));
    assert.equal(lockedOut.exitCode, 73);
    assert.equal(troubleIn(lockedOut, "state.folder").code, "not_writable");
  },
});

Deno.test("worker --check ends with 78, 73 or 69", async () => {
  await using installation = await Installation.make();
  assert.equal((await installation.run(["--check"])).code, 69);
  await Deno.writeTextFile(installation.sessionDir, "a file");
  assert.equal((await installation.run(["--check"])).code, 73, "state folder before network");
  await installation.write("WORKER_ID=\n");
  const { code, stdout } = await installation.run(["--check"]);
  assert.equal(code, 78);
  assert.match(stdout, /failure {2}Configuration +.*\.env:1:\d+: WORKER_ID is empty/);
});

Deno.test("worker --check --strict ends with 1 when there are only warnings", async () => {
  await using installation = await Installation.make();
  await Deno.chmod(installation.envFile, 0o644);
  const only = ["--check", "--only", "configuration"];
  assert.equal((await installation.run(only)).code, 0);
  assert.equal((await installation.run([...only, "--strict"])).code, 1);
  await Deno.chmod(installation.envFile, 0o600);
  const fine = await installation.run([...only, "--strict"]);
  assert.equal(fine.code, 0);
  assert.match(fine.stdout, /\nAll 2 checks are fine/);
});

Deno.test("worker refuses checks that there are not, times that are none, and options without --check", async () => {
  await using installation = await Installation.make();
  const usages: [args: string[], message: RegExp][] = [
    [["--check", "--only", "brokr"], /^There is no check "brokr"\. Did you mean 'broker'\?\nTry --help\n$/],
    [["--check", "--timeout", "0"], /'--timeout' takes seconds, from 1 to 3600, not "0"/],
    [["--only", "broker"], /'--only' goes with '--check'/],
    [["--strict"], /'--strict' goes with '--check'/],
    [["--timeout", "5"], /'--timeout' goes with '--check'/],
  ];
  for (const [args, message] of usages) {
    const { code, stdout, stderr } = await installation.run(args);
    assert.deepEqual([code, stdout], [64, ""], args.join(" "));
    assert.match(stderr, message);
  }
});

Deno.test("worker --json without --check is wrong usage", async () => {
  await using installation = await Installation.make();
  const { code, stderr } = await installation.run(["--json"]);
  assert.equal(code, 64);
  assert.match(stderr, /'--json' goes with '--check'/);
});

Deno.test("worker --check never prints a secret", async () => {
  const url = new URL(await broker.vhost());
  const token = "the-token-for-those-who-read-metrics";
  await using api = startApi("another-key");
  await using installation = await Installation.make({
    BACKEND_API_URL: `http://127.0.0.1:${api.addr.port}/api`,
    HTTP_TOKEN: token,
    RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${broker.layout.httpPort}`,
  });
  const key = "the-key-of-the-backend", wrong = "wr0ng/p@ss w\u00f6rd";
  const scenes: Record<string, string> = {
    "let in": url.href,
    "refused": Object.assign(new URL(url), { password: encodeURIComponent(wrong) }).href,
    "no vhost": Object.assign(new URL(url), { pathname: "/none" }).href,
    "no port": Object.assign(new URL(url), { port: "1" }).href,
    "not TLS": url.href.replace("amqp:", "amqps:"),
    "invalid": `${url.href}/%zz`,
    "swallowed": `${url.href}QUEUE_MESSAGE_SEND=whatsapp`,
  };
  const basic = btoa(`${url.username}:${url.password}`);
  const secrets = [url.password, wrong, encodeURIComponent(wrong), key, token, basic];
  for (const [scene, text] of Object.entries(scenes)) {
    await installation.set({ RABBITMQ_URL: text });
    for (const args of [["--check"], ["--check", "--json"]]) {
      const { stdout, stderr } = await installation.run(args);
      assert.ok(stdout.length > 100, scene);
      for (const secret of secrets) {
        assert.ok(!`${stdout}${stderr}`.includes(secret), `'${scene}' shows a secret:\n${stdout}`);
      }
    }
  }
});

for (const seconds of [3, 15]) {
  Deno.test(`worker --check ends within ${seconds} s when everything hangs`, async () => {
    await using proxy = await startProxy(broker.port);
    proxy.blackhole("both");
    const at = `127.0.0.1:${proxy.port}`;
    await using installation = await Installation.make({
      RABBITMQ_URL: `amqp://u:p@${at}`,
      WHATSAPP_WEB_URL: `ws://${at}/ws/chat`,
      BACKEND_API_URL: `http://${at}/api`,
      HTTP_PORT: String(proxy.port),
    });
    const { code, durationMs, stdout } = await installation.run(["--check", "--timeout", String(seconds)]);
    assert.equal(code, 69);
    assert.ok(durationMs < seconds * 1000, `it took ${durationMs} ms`);
    assert.match(stdout, /failure {2}Broker login .*does not answer in AMQP in time/);
  });
}

Deno.test("worker --check tells certificates apart", async () => {
  await using good = await answering("not you\r\n", GOOD);
  await using other = await answering("", OTHER_NAME);
  await using expired = await answering("", EXPIRED);
  await using installation = await Installation.make();
  await Deno.writeTextFile(`${installation.folder}/ca.pem`, AUTHORITY);
  const trusting = { DENO_CERT: `${installation.folder}/ca.pem` };
  const check = async (broker: OtherServer, whatsapp: OtherServer, environment = {}) => {
    await installation.set({
      RABBITMQ_URL: `amqps://u:p@localhost:${broker.port}`,
      WHATSAPP_WEB_URL: `wss://localhost:${whatsapp.port}/ws/chat`,
    });
    return reportOf(await installation.run(["--check", "--json"], environment));
  };
  const both = await check(expired, other, trusting);
  assert.equal(troubleIn(both, "broker.reach").code, "tls_expired");
  assert.equal(troubleIn(both, "whatsapp.reach").code, "tls_name");

  const strangers = await check(good, good);
  assert.equal(troubleIn(strangers, "broker.reach").code, "tls_untrusted");

  const trusted = await check(good, good, trusting);
  assert.equal(statuses(trusted)["broker.reach"], "ok");
  assert.equal(troubleIn(trusted, "broker.login").code, "not_amqp");
  assert.match(troubleIn(trusted, "whatsapp.upgrade").found, /says 'not you'/);
});
