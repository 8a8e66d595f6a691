import { strict as assert } from "node:assert";
import { ensureRabbitmq } from "./rabbitmq/install.ts";

await ensureRabbitmq((line) => console.error(line));

const DEMO = new URL("demo.ts", import.meta.url).pathname;
const PATIENCE_MS = 60_000;

const STEPS = [
  "create",
  "qr_generated",
  "scanned",
  "connected",
  "HEALTHY",
  "TEXT",
  "SENT",
  "DELIVERED",
  "READ",
  "received",
  "IMAGE",
  "message_media",
  "worker_status",
  "regenerate_qr",
  "connected",
  "SIGTERM",
  "ready",
  "connected",
  "close",
  "closed",
];

Deno.test("the demo plays every step in order, measures, and leaves only the picture it names", async () => {
  await using demo = new Demo();
  assert.equal(await demo.exitCode, 0, demo.output);
  let from = 0;
  for (const step of STEPS) {
    const found = demo.output.slice(from).search(new RegExp(` s  \\S+ +${step}\\b`));
    assert.notEqual(found, -1, `no '${step}' where it belongs in:\n${demo.output}`);
    from += found + 1;
  }
  assert.match(demo.output, /create to qr_generated +\d+\.\d\d s\n/);
  assert.match(demo.output, /start of the worker to ready +\d+\.\d\d s/);
  assert.match(demo.output, /memory at rest, one session +\d+ MiB/);
  assert.ok(!demo.output.includes("\x1b"), "no escape sequences where no terminal is");
  const [, picture] = /The QR's picture stays: (.+)\n$/.exec(demo.output) ?? [];
  assert.deepEqual(demo.files(), [picture]);
  assert.deepEqual(await demo.processes(), []);
});

for (
  const [when, text, signal, exitCode] of [
    ["while the broker boots", "booting", "SIGINT", 130],
    ["while the QR waits to be scanned", "qr_generated", "SIGTERM", 143],
  ] as const
) {
  Deno.test(`the demo leaves nothing when it is interrupted ${when}`, async () => {
    await using demo = new Demo();
    await demo.printed(text);
    demo.kill(signal);
    assert.equal(await demo.exitCode, exitCode, demo.output);
    assert.deepEqual(demo.files(), []);
    assert.deepEqual(await demo.processes(), []);
  });
}

Deno.test("the demo with --keep says truly how to talk to it, and leaves only the picture after Ctrl-C", async () => {
  await using demo = new Demo("--keep");
  await demo.printed("What the backend receives");
  for (const line of demo.output.split("\n").filter((line) => line.startsWith("  curl "))) {
    const response = await likeCurl(line);
    const text = await response.text();
    assert.ok(response.ok, `${line} was answered ${response.status}: ${text}`);
    if (line.includes("/publish")) assert.equal(text, '{"routed":true}');
  }
  await demo.printed('"body":"salut"');
  await demo.printed('"messageId":1,"numberId":6,"status":"SENT"');
  await demo.printed('"action":"worker_status"');
  for (const name of ["worker's .env", "worker's log", "worker's state"]) {
    const [, path = ""] = new RegExp(`${name} +(/.+)\n`).exec(demo.output) ?? [];
    assert.equal((await Deno.stat(path)).mode! & 0o077, 0, `${path} is its owner's`);
  }
  demo.kill("SIGINT");
  assert.equal(await demo.exitCode, 130, demo.output);
  assert.equal(demo.files().length, 1);
  assert.deepEqual(await demo.processes(), []);
});

Deno.test("the demo tells wrong usage in a sentence", async () => {
  await using demo = new Demo("--kep");
  assert.equal(await demo.exitCode, 64);
  assert.match(demo.output, /--kep/);
});

/** What a `curl` line asks for: these tests need no curl. */
async function likeCurl(line: string): Promise<Response> {
  const [, url = ""] = /(http:\S+)$/.exec(line) ?? [];
  const [, user] = / -u (\S+)/.exec(line) ?? [];
  const [, body] = / -d '([^']*)'/.exec(line) ?? [];
  return await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    ...body === undefined ? {} : { body },
    headers: user === undefined ? {} : { authorization: `Basic ${btoa(user)}` },
  });
}

/** A demo as a process; what it and all that it starts makes of files is in a folder of the test's. */
class Demo implements AsyncDisposable {
  output = "";
  readonly exitCode: Promise<number>;
  readonly #folder = Deno.makeTempDirSync();
  readonly #child: Deno.ChildProcess;
  #grown = Promise.withResolvers<void>();

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", DEMO, ...args],
      env: { TMPDIR: this.#folder },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr, status } = this.#child;
    this.exitCode = Promise.all([status, this.#read(stdout), this.#read(stderr)]).then(([{ code }]) => code);
  }

  /** Resolves when the output holds `text`. */
  async printed(text: string): Promise<void> {
    const { promise: failed, reject } = Promise.withResolvers<never>();
    const fail = (why: string) => reject(new Error(`${why} before it printed '${text}':\n${this.output}`));
    const timer = setTimeout(() => fail(`${PATIENCE_MS} ms went by`), PATIENCE_MS);
    this.exitCode.then((code) => fail(`It ended with ${code}`));
    try {
      while (!this.output.includes(text)) await Promise.race([this.#grown.promise, failed]);
    } finally {
      clearTimeout(timer);
      // Its end comes later, and is then none of this wait's affair.
      failed.catch(() => {});
    }
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** The files it has left. */
  files(): string[] {
    return [...Deno.readDirSync(this.#folder)].map(({ name }) => `${this.#folder}/${name}`);
  }

  /** The processes that were started by it and still run. */
  async processes(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const texts = await Promise.all(
        // A process may end as it is looked at.
        ["environ", "cmdline"].map((file) => Deno.readTextFile(`/proc/${name}/${file}`).catch(() => "")),
      );
      if (texts.join("\0").includes(this.#folder)) found.push(`${name} ${texts[1]?.replaceAll("\0", " ")}`);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.exitCode;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      this.#grown.resolve();
      this.#grown = Promise.withResolvers();
    }
  }
}
