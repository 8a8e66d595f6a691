import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "amqplib";
import { BrokerError, startBroker } from "./broker.ts";
import { sharedBroker } from "./shared.ts";

const shared = await sharedBroker();

/** Process ids that have the folder of a broker in their environment. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (environment.includes(folder)) found.push(name);
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("vhost() gives an empty vhost of its own each time", async () => {
  const [one, other] = await Promise.all([shared.vhost(), shared.vhost()]);
  assert.notEqual(one, other);
  const [first, second] = await Promise.all([connect(one), connect(other)]);
  await (await first.createChannel()).assertQueue("whatsapp.session.update");
  const channel = await second.createChannel();
  channel.on("error", () => {});
  await assert.rejects(channel.checkQueue("whatsapp.session.update"), /NOT_FOUND/);
  await Promise.all([first.close(), second.close()]);
});

Deno.test("url() escapes the name of a vhost", () => {
  assert.match(shared.url(), /^amqp:\/\/test:[0-9a-f]+@127\.0\.0\.1:\d+\/%2F$/);
  assert(shared.url("a/b c").endsWith("/a%2Fb%20c"));
});

Deno.test("ctl() returns what rabbitmqctl prints, and throws what it complains about", async () => {
  assert.match(await shared.ctl("list_users"), /^test\t\[administrator\]$/m);
  await assert.rejects(shared.ctl("no_such_command"), (error) => {
    assert(error instanceof BrokerError);
    assert.equal(error.code, "ctl_failed");
    return true;
  });
});

Deno.test("the broker listens on loopback only", async () => {
  const ports = [shared.port, shared.layout.httpPort, shared.layout.distributionPort, shared.layout.epmdPort];
  const listening = "0A";
  const addresses: string[] = [];
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (await Deno.readTextFile(table)).trim().split("\n").slice(1)) {
      const [, local = "", , state] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      if (state === listening && ports.includes(parseInt(port, 16))) addresses.push(address);
    }
  }
  assert(addresses.length >= ports.length);
  const loopback = ["0100007F", "00000000000000000000000001000000"];
  assert.deepEqual(addresses.filter((address) => !loopback.includes(address)), []);
});

Deno.test("startBroker() gives a broker that can be frozen, halted, killed, booted and stopped", async () => {
  const broker = await startBroker();
  const { folder } = broker.layout;
  try {
    const url = await broker.vhost();
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue("kept", { durable: true });
    channel.sendToQueue("kept", Buffer.from("kept"), { persistent: true });
    await channel.waitForConfirms();

    broker.pause();
    const frozen = channel.checkQueue("kept").then(() => "answered");
    const second = connect(url, { timeout: 200 });
    await assert.rejects(second, /ETIMEDOUT/);
    broker.resume();
    assert.equal(await frozen, "answered");

    const closed = once(connection, "close");
    await broker.halt();
    await closed;
    await broker.boot();
    const again = await connect(url);
    again.on("error", () => {});
    assert.equal((await (await again.createChannel()).checkQueue("kept")).messageCount, 1);

    const lost = new Promise((resolve) => again.once("close", resolve));
    await broker.kill9();
    await lost;
    await assert.rejects(connect(url), /ECONNREFUSED/);
  } finally {
    await broker.stop();
  }
  await broker.stop();
  assert.equal(await exists(folder), false);
  assert.deepEqual(await processesOf(folder), []);
});

Deno.test("startBroker() says with the broker's own words why it did not boot, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  const usual = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    await assert.rejects(startBroker({ config: ["no_such_setting = 1"] }), (error) => {
      assert(error instanceof BrokerError);
      assert.equal(error.code, "boot_failed");
      assert.match(error.message, /no_such_setting/);
      return true;
    });
  } finally {
    if (usual === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", usual);
  }
  // Fails when anything is left in it.
  await Deno.remove(folder);
});

Deno.test("startBroker() leaves nothing when its process is killed", async () => {
  const program = `
    import { startBroker } from ${JSON.stringify(import.meta.resolve("./broker.ts"))};
    const broker = await startBroker();
    console.log(broker.layout.folder);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `data:application/typescript,${encodeURIComponent(program)}`],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: folder = "" } = await reader.read();
  child.kill("SIGKILL");
  await reader.cancel();
  await child.status;
  const gone = performance.now() + 10_000;
  while (await exists(folder.trim())) {
    assert(performance.now() < gone, "the folder is still there after 10 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(await processesOf(folder.trim()), []);
});
