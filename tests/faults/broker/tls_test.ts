/** `amqps:` with an authority that only the settings name. The broker is this file's own: it asks for certificates. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { BrokerUnavailable } from "../../../src/broker/connection.ts";
import { until } from "../../bridge/bridge.ts";
import { AUTHORITY, GOOD, KEY, OTHER_NAME } from "../../preflight/certificates.ts";
import { Installation, statuses, troubleIn } from "../../preflight/installation.ts";
import { startBroker } from "../../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../../rabbitmq/install.ts";
import { freePort } from "../../rabbitmq/layout.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { startStack } from "../../stack.ts";
import { startTlsProxy } from "./tls_proxy.ts";
import { startTraffic } from "./traffic.ts";

const shared = await sharedBroker();

/** The tests' certificates as files, in a folder that goes with them. */
async function certificateFiles() {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(join(folder, name), text);
    return join(folder, name);
  };
  return {
    authority: await write("ca.pem", AUTHORITY),
    certificate: await write("certificate.pem", GOOD),
    key: await write("key.pem", KEY),
    nonsense: await write("nonsense.pem", "nonsense"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const secure = (url: string, port: number, host = "localhost") =>
  Object.assign(new URL(url), { hostname: host, port: String(port) }).href.replace("amqp:", "amqps:");

Deno.test("the worker trusts the authority of RABBITMQ_CA_FILE, and no other name than the broker's", async () => {
  await using files = await certificateFiles();
  await using stack = await startStack({ broker: shared });
  await using good = await startTlsProxy(shared.port, GOOD);
  await using other = await startTlsProxy(shared.port, OTHER_NAME);
  const authority = { RABBITMQ_CA_FILE: files.authority };

  await using installation = await Installation.make({ ...stack.environment, ...authority });
  const refused = async (environment: Record<string, string>, said: RegExp, code: string) => {
    const starting = stack.startWorker(environment);
    const error = await starting.then(() => undefined, (error) => error);
    assert.ok(error instanceof BrokerUnavailable, String(error));
    assert.match(error.message, said);
    assert.match(error.remedy, /RABBITMQ_CA_FILE/);
    await installation.set(environment);
    assert.equal(troubleIn(await installation.check(), "broker.reach").code, code);
  };
  const name = /Hostname\/IP does not match certificate's altnames/;
  await refused({ ...authority, RABBITMQ_URL: secure(stack.url, other.port) }, name, "tls_name");
  await refused({ ...authority, RABBITMQ_URL: secure(stack.url, good.port, "127.0.0.1") }, name, "tls_name");
  const nonsense = { RABBITMQ_CA_FILE: files.nonsense, RABBITMQ_URL: secure(stack.url, good.port) };
  await refused(nonsense, /nonsense\.pem' of RABBITMQ_CA_FILE does not hold a certificate/, "tls_file");
  const absent = { ...nonsense, RABBITMQ_CA_FILE: `${files.nonsense}.old` };
  await refused(absent, /Cannot read the file .* of RABBITMQ_CA_FILE/, "tls_file");

  const environment = { ...authority, RABBITMQ_URL: secure(stack.url, good.port) };
  await installation.set(environment);
  assert.equal(statuses(await installation.check())["broker.round_trip"], "ok");
  await stack.startWorker(environment);
  const traffic = await startTraffic(stack);
  await traffic.round(3);
  good.drop();
  await traffic.round(3);
  await traffic.settled();
});

Deno.test("without RABBITMQ_CA_FILE, an authority nobody knows is refused", async () => {
  await using stack = await startStack({ broker: shared });
  await using good = await startTlsProxy(shared.port, GOOD);
  await assert.rejects(
    stack.startWorker({ RABBITMQ_URL: secure(stack.url, good.port) }),
    /^BrokerUnavailable: Cannot connect to RabbitMQ: unable to verify the first certificate/,
  );
});

Deno.test("the worker shows its certificate to a broker that asks for one", async () => {
  await ensureRabbitmq((line) => console.error(line));
  await using files = await certificateFiles();
  const port = freePort();
  await using broker = await startBroker({
    config: [
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${files.authority}`,
      `ssl_options.certfile = ${files.certificate}`,
      `ssl_options.keyfile = ${files.key}`,
      "ssl_options.verify = verify_peer",
      "ssl_options.fail_if_no_peer_cert = true",
    ],
  });
  await using stack = await startStack({ broker });
  const nameless = { RABBITMQ_CA_FILE: files.authority, RABBITMQ_URL: secure(stack.url, port) };
  const named = { ...nameless, RABBITMQ_CERT_FILE: files.certificate, RABBITMQ_KEY_FILE: files.key };

  await assert.rejects(stack.startWorker(nameless), BrokerUnavailable);
  await using installation = await Installation.make({ ...stack.environment, ...nameless });
  const report = await installation.check();
  const trouble = [...report.checks].flatMap(({ findings }) => findings).find(({ code }) =>
    code === "tls_client"
  );
  assert.match(trouble?.remedy ?? "", /RABBITMQ_CERT_FILE/, JSON.stringify(report.checks));
  await installation.set(named);
  assert.equal(statuses(await installation.check())["broker.round_trip"], "ok");

  await stack.startWorker(named);
  const traffic = await startTraffic(stack);
  await traffic.round(3);
  await traffic.settled();

  const gone = stack.logged.length;
  await broker.halt();
  await until(() => stack.logged.slice(gone).some((line) => line.includes("cannot be reached")), {
    describe: "a word about it",
  });
  await broker.boot();
  await traffic.round(3);
  await traffic.settled();
});
