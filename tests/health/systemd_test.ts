/** What systemd hears of a worker; its own side is tried in a container. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pino from "pino";
import { makePulse, type Pulse } from "../../src/health/pulse.ts";
import { Systemd } from "../../src/health/systemd.ts";
import type { Session } from "../../src/whatsapp/session/session.ts";
import { mountSmallDisk, noSmallDisk } from "../faults/small_disk.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { pair, startStack } from "../stack.ts";
import { FakeSystemd } from "./fake_systemd.ts";

const broker = await sharedBroker();

/** Short, so that a test sees it fed several times. */
const WATCHDOG_MS = 600;
const STATUS_WHEN_IDLE = /^0 numbers, 0 connected; broker ok; outbox \d+$/;

const WELL: Pulse = {
  numbers: 12,
  connected: 11,
  broker: "connected",
  rival: false,
  outbox: 0,
  diskFailing: false,
  alive: true,
};

/** A log into memory. */
function memoryLog() {
  const lines: string[] = [];
  return { lines, log: pino({}, { write: (line: string) => void lines.push(line) }) };
}

Deno.test("the program is ready for systemd when the broker is there, feeds the watchdog, and says that it stops", async () => {
  await using stack = await startStack({ broker });
  await using systemd = FakeSystemd.in(stack.folder);
  const program = stack.startProgram(systemd.environment(WATCHDOG_MS));
  await systemd.hears(({ READY }) => READY === "1");
  await systemd.hearsStatus(STATUS_WHEN_IDLE);
  await pair(stack, { numberId: 6, phoneNumber: "221771234567" });
  await systemd.hearsStatus(/^1 number, 1 connected; broker ok; outbox \d+$/);

  const fed: number[] = [];
  for (let from = systemd.heard.length; fed.length < 4; from = systemd.heard.length) {
    fed.push((await systemd.hears(({ WATCHDOG }) => WATCHDOG === "1", { from })).atMs);
  }
  const gaps = fed.slice(1).map((atMs, index) => atMs - fed[index]!);
  assert.ok(Math.max(...gaps) < WATCHDOG_MS, `fed at intervals of ${gaps} ms`);

  program.process.kill("SIGTERM");
  const stopping = await systemd.hears(({ STOPPING }) => STOPPING === "1");
  assert.equal(stopping.said.STATUS, "stopping: finishing what is in hand");
  assert.equal((await program.process.status).code, 0);
  const after = systemd.heard.slice(systemd.heard.indexOf(stopping) + 1);
  assert.ok(after.every(({ said }) => said.STATUS === undefined), "nothing is said over it");
});

Deno.test({
  name: "the program waits for room on its disk under systemd, as long as it takes",
  ignore: noSmallDisk() !== undefined,
  fn: async () => {
    await using stack = await startStack({ broker });
    await using systemd = FakeSystemd.in(stack.folder);
    await using disk = await mountSmallDisk(8);
    disk.fill();
    const settings = { ...systemd.environment(WATCHDOG_MS), SESSION_DIR: join(disk.path, "sessions") };
    const program = stack.startProgram(settings);
    const waiting = await systemd.hearsStatus(/^waiting: Cannot use the state folder '.*sessions': /);
    assert.ok(Number(waiting.said.EXTEND_TIMEOUT_USEC) >= 60_000_000, "the start is given more time");
    assert.match(program.output(), /"level":50.*"remedy":"[^"]*make room on its disk"/);
    disk.empty();
    await systemd.hears(({ READY }) => READY === "1");
    program.process.kill("SIGTERM");
    assert.equal((await program.process.status).code, 0);
  },
});

Deno.test("the program waits for a broker under systemd for as long as it takes, and outlives its absence later", async () => {
  await using stack = await startStack({ broker });
  await using systemd = FakeSystemd.in(stack.folder);
  await using link = await startProxy(broker.port);
  const url = new URL(stack.url);
  url.port = String(link.port);
  link.refuse();
  const program = stack.startProgram({ ...systemd.environment(WATCHDOG_MS), RABBITMQ_URL: url.href });
  const waiting = await systemd.hears(({ STATUS: text }) =>
    text?.startsWith("waiting for the broker: ") ?? false
  );
  assert.match(waiting.said.STATUS ?? "", /^waiting for the broker: \S+/);
  assert.ok(Number(waiting.said.EXTEND_TIMEOUT_USEC) >= 60_000_000, "the start is given more time");
  assert.ok(!systemd.heard.some(({ said }) => said.READY), "it is not ready");

  link.restore();
  await systemd.hears(({ READY }) => READY === "1");
  link.refuse();
  const away = await systemd.hearsStatus(/^0 numbers, 0 connected; broker away, trying again; outbox \d+$/);
  assert.equal(away.said.WATCHDOG, "1", "a broker that is away is no reason to kill the worker");
  link.restore();
  await systemd.hearsStatus(STATUS_WHEN_IDLE);
  program.process.kill("SIGTERM");
  assert.equal((await program.process.status).code, 0);
});

Deno.test("the program does not wait for a broker that refuses its login, and tells systemd why it ends", async () => {
  await using stack = await startStack({ broker });
  await using systemd = FakeSystemd.in(stack.folder);
  const url = new URL(stack.url);
  url.password = "wrong";
  const program = stack.startProgram({ ...systemd.environment(WATCHDOG_MS), RABBITMQ_URL: url.href });
  await systemd.hears(({ STATUS: text = "" }) => /^Cannot connect to RabbitMQ: .*ACCESS.REFUSED/.test(text));
  assert.equal((await program.process.status).code, 69);
});

Deno.test("the program is not ready while another process has its WORKER_ID, and says that it waits for it", async () => {
  await using stack = await startStack({ broker });
  await using systemd = FakeSystemd.in(stack.folder);
  const first = await stack.startWorker();
  stack.startProgram({
    ...systemd.environment(WATCHDOG_MS),
    SESSION_DIR: join(stack.folder, "others"),
  });
  const waiting = await systemd.hears(({ STATUS: text }) =>
    text === "waiting for another process with this WORKER_ID to end"
  );
  assert.ok(waiting.said.EXTEND_TIMEOUT_USEC);
  assert.ok(!systemd.heard.some(({ said }) => said.READY));
  await first.stop();
  await systemd.hears(({ READY }) => READY === "1");
});

Deno.test("a program whose event loop hangs feeds the watchdog no more", async () => {
  await using stack = await startStack({ broker });
  await using systemd = FakeSystemd.in(stack.folder);
  const culprit = join(stack.folder, "culprit.ts");
  await Deno.writeTextFile(culprit, `Deno.addSignalListener("SIGUSR1", () => { for (;;); });\n`);
  const program = stack.startProgram(systemd.environment(WATCHDOG_MS), ["--preload", culprit]);
  await systemd.hears(({ READY }) => READY === "1");
  await systemd.hearsStatus(STATUS_WHEN_IDLE);
  program.process.kill("SIGUSR1");
  // What was on its way when the signal came, and then nothing for longer than systemd would wait.
  await delay(WATCHDOG_MS / 3);
  const heard = systemd.heard.length;
  await delay(WATCHDOG_MS);
  assert.equal(systemd.heard.length, heard);
});

Deno.test("Systemd feeds the watchdog only while the worker gets on with its work, and says what is wrong", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  await using systemd = FakeSystemd.in(folder);
  const told = Systemd.of(systemd.environment(30), memoryLog().log);
  assert.ok(told);
  const stopped = new AbortController();
  let pulse = WELL;
  const attended = told.attend(
    { ready: Promise.resolve(), pulse: () => Promise.resolve(pulse) },
    stopped.signal,
  );
  const sentences: [change: Partial<Pulse>, status: string][] = [
    [{}, "12 numbers, 11 connected; broker ok; outbox 0"],
    [{ broker: "blocked", outbox: 7 }, "12 numbers, 11 connected; broker takes no messages; outbox 7"],
    [{ rival: true }, "12 numbers, 11 connected; broker ok; outbox 0; another process has this WORKER_ID"],
    [{ diskFailing: true }, "12 numbers, 11 connected; broker ok; outbox 0; the disk takes nothing"],
    [
      { outbox: undefined, alive: false },
      "12 numbers, 11 connected; broker ok; the store does not answer",
    ],
  ];
  for (const [change, status] of sentences) {
    pulse = { ...WELL, ...change };
    const { said } = await systemd.hears(({ STATUS: text }) => text === status);
    assert.equal(said.WATCHDOG, pulse.alive ? "1" : undefined, status);
  }
  stopped.abort();
  await attended;
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Systemd says what a worker that is not ready yet waits for, and of no other process where there is none", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  await using systemd = FakeSystemd.in(folder);
  const told = Systemd.of(systemd.environment(30), memoryLog().log);
  const stopped = new AbortController();
  let pulse = WELL;
  const attended = told?.attend(
    { ready: new Promise<never>(() => {}), pulse: () => Promise.resolve(pulse) },
    stopped.signal,
  );
  const sentences: [change: Partial<Pulse>, status: string][] = [
    [{}, "starting"],
    [{ rival: true }, "waiting for another process with this WORKER_ID to end"],
    [{ rival: true, broker: "connecting" }, "waiting: broker away, trying again"],
  ];
  for (const [change, status] of sentences) {
    const from = systemd.heard.length;
    pulse = { ...WELL, ...change };
    const { said } = await systemd.hears(({ STATUS: text }) => text === status, { from });
    assert.ok(said.EXTEND_TIMEOUT_USEC, status);
  }
  stopped.abort();
  await attended;
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Systemd tells how the worker is also where nobody watches, or watches another process", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  await using systemd = FakeSystemd.in(folder);
  for (const watch of [{}, { WATCHDOG_USEC: "0" }, { WATCHDOG_USEC: "1", WATCHDOG_PID: "1" }]) {
    const before = systemd.heard.length;
    const told = Systemd.of({ NOTIFY_SOCKET: systemd.path, ...watch }, memoryLog().log);
    const stopped = new AbortController();
    const attended = told?.attend(
      { ready: Promise.resolve(), pulse: () => Promise.resolve(WELL) },
      stopped.signal,
    );
    await systemd.hears(({ STATUS: text }) => text?.startsWith("12 numbers") ?? false, { from: before });
    stopped.abort();
    await attended;
    // At once, and when it was ready; the next would have been due after seconds.
    assert.ok(systemd.heard.length - before <= 3, JSON.stringify(systemd.heard.slice(before)));
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Systemd speaks to an abstract socket, and says each thing on one line", async () => {
  await using systemd = new FakeSystemd(`@whatsapp-worker-test-${crypto.randomUUID()}`);
  const told = Systemd.of({ NOTIFY_SOCKET: systemd.path }, memoryLog().log);
  await told?.stopping("a fault\nREADY=1");
  const { said } = await systemd.hears(({ STOPPING }) => STOPPING === "1");
  assert.deepEqual(said, { STOPPING: "1", STATUS: "a fault READY=1" });
});

Deno.test("Systemd is not there without NOTIFY_SOCKET, and one that cannot be told is logged once", async () => {
  const { log, lines } = memoryLog();
  assert.equal(Systemd.of({ WATCHDOG_USEC: "30000000" }, log), undefined);
  const told = Systemd.of({ NOTIFY_SOCKET: "/nowhere/at/all" }, log);
  await told?.stopping("one");
  await told?.stopping("two");
  assert.equal(lines.filter((line) => line.includes("systemd cannot be told")).length, 1);
  assert.equal(lines.length, 1);
});

Deno.test("Systemd that reads nothing any more keeps no worker from its end", async () => {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  const path = join(folder, "notify");
  const frozen = Deno.listenDatagram({ transport: "unixpacket", path });
  const { log, lines } = memoryLog();
  const told = Systemd.of({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "3000" }, log);
  assert.ok(told);
  const stopped = new AbortController();
  let pulses = 0;
  const pulse = () => {
    pulses++;
    return Promise.resolve(WELL);
  };
  const attended = told.attend({ ready: Promise.resolve(), pulse }, stopped.signal);
  // One beat waits for the answer of another, so that none comes any more once the queue of the socket is full.
  for (let before = -1; before !== pulses;) {
    before = pulses;
    await delay(200);
  }
  await told.stopping("stopping");
  stopped.abort();
  await attended;
  assert.match(lines.join(), /systemd does not read what it is told/);
  // What waits is refused, so that nothing of it is left.
  frozen.close();
  await delay(50);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("makePulse() finds the worker stuck when store or broker supervisor are, and not when disk or broker fail", async () => {
  const never = () => new Promise<never>(() => {});
  const outbox = (depth: () => Promise<{ depth: number }>) => ({ depth });
  const sessions = () => [{ state: "connected" }, { state: "reconnecting" }] as Session[];
  const away = { state: "connecting", attended: true } as const;
  const take = (changes: Partial<Parameters<typeof makePulse>[0]>) =>
    makePulse({
      sessions,
      outbox: outbox(() => Promise.resolve({ depth: 3 })),
      diskFailing: () => false,
      broker: away,
      rival: () => false,
      storePatienceMs: 20,
      ...changes,
    })();
  assert.deepEqual(await take({}), {
    numbers: 2,
    connected: 1,
    broker: "connecting",
    rival: false,
    outbox: 3,
    diskFailing: false,
    alive: true,
  });
  assert.equal((await take({ broker: { ...away, attended: false } })).alive, false);
  assert.deepEqual(await take({ outbox: outbox(never) }).then(({ alive, outbox }) => [alive, outbox]), [
    false,
    undefined,
  ]);
  assert.equal((await take({ outbox: outbox(never), diskFailing: () => true })).alive, true);
  assert.equal((await take({ outbox: outbox(() => Promise.reject(new Error("damaged"))) })).alive, false);
});
