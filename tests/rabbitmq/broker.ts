/**
 * A RabbitMQ of the tests' own: private, on loopback, thrown away with all its files.
 *
 * Boot takes about 7 s, so there is one for a run and a fresh vhost (20 ms) for each test. Tests of faults that
 * hit the whole broker start one for themselves.
 */

import { PackagesMissingError } from "../debian.ts";
import { rabbitmqScripts } from "./install.ts";
import { brokerEnvironment, type BrokerLayout, makeLayout } from "./layout.ts";

/** What a test may do with a broker that others use too. */
export interface Broker {
  /** AMQP port on 127.0.0.1. */
  readonly port: number;
  /** All there is to know about the broker, as plain data. */
  readonly layout: BrokerLayout;
  /** `amqp://user:password@127.0.0.1:port/vhost`. @param vhost unescaped. @default "/" */
  url(vhost?: string): string;
  /** Makes an empty vhost of a random name and returns its URL. */
  vhost(): Promise<string>;
  /**
   * Runs `rabbitmqctl` (half a second and more) and returns what it printed.
   *
   * @throws {BrokerError} `ctl_failed`, with its output
   */
  ctl(...args: string[]): Promise<string>;
}

/** A broker with its life in the caller's hands. The port stays the same until {@linkcode PrivateBroker.stop}. */
export interface PrivateBroker extends Broker, AsyncDisposable {
  /** Ends the broker for good, at once, and removes its folder. Any number of times. */
  stop(): Promise<void>;
  /** Shuts the broker down as an operator would (clients see their connections close); it keeps its data. */
  halt(): Promise<void>;
  /** Kills the broker with SIGKILL; it keeps what was on disk. */
  kill9(): Promise<void>;
  /** Boots it again after {@linkcode halt} or {@linkcode kill9}. */
  boot(): Promise<void>;
  /** {@linkcode halt}, then {@linkcode boot}. */
  restart(): Promise<void>;
  /** Freezes the broker (SIGSTOP): its sockets stay open and nobody answers. */
  pause(): void;
  /** Lets a frozen broker go on. */
  resume(): void;
}

/** Options of {@linkcode startBroker}. */
export interface StartBrokerOptions {
  /** How long the boot may take. @default 60_000 */
  bootTimeoutMs?: number;
  /** Ends the boot; what was started is ended. @default never */
  signal?: AbortSignal;
  /** Further lines for `rabbitmq.conf`. @default none */
  config?: readonly string[];
}

/** A private broker did not do what it was told. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  constructor(
    /** `boot_failed`, `boot_timeout`, `vhost_failed`, `ctl_failed` or `stopped` */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Starts a private broker and returns when it takes connections.
 *
 * It ends with {@linkcode PrivateBroker.stop}, and also when this process ends in whatever way: a guardian of its
 * own session sees that and takes the broker, its `epmd` and its folder away.
 *
 * @throws {PackagesMissingError} when RabbitMQ is not installed
 * @throws {BrokerError} `boot_failed` or `boot_timeout`, with what the broker said
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<PrivateBroker> {
  const scripts = rabbitmqScripts();
  if (scripts === undefined) {
    throw new PackagesMissingError(
      "RabbitMQ is missing: install the package rabbitmq-server, or run the tests once with `deno task test`, which does.",
    );
  }
  const layout = await makeLayout(scripts, options.config);
  const { bootTimeoutMs = 60_000 } = options;
  const guardian = startGuardian(layout);
  let server: Deno.ChildProcess | undefined;

  const broker: PrivateBroker = {
    ...useBroker(layout),
    async boot() {
      if (server) throw new BrokerError("boot_failed", "Cannot boot a broker that is running");
      server = await bootServer(layout, bootTimeoutMs, options.signal);
    },
    async halt() {
      server?.kill("SIGTERM");
      // All is closed and on disk after 0.1 s; then the management plugin dawdles for five seconds.
      const impatience = setTimeout(() => server?.kill("SIGKILL"), 1_000);
      await server?.status;
      clearTimeout(impatience);
      server = undefined;
    },
    async kill9() {
      server?.kill("SIGKILL");
      await server?.status;
      server = undefined;
    },
    async restart() {
      await broker.halt();
      await broker.boot();
    },
    pause: () => server?.kill("SIGSTOP"),
    resume: () => server?.kill("SIGCONT"),
    async stop() {
      await guardian.dismiss();
      await server?.status;
      server = undefined;
    },
    [Symbol.asyncDispose]: () => broker.stop(),
  };
  try {
    await broker.boot();
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return broker;
}

/** The use of a broker that somebody else started and will stop. */
export function useBroker(layout: BrokerLayout): Broker {
  const { port, user, password } = layout;
  const url = (vhost = "/") => `amqp://${user}:${password}@127.0.0.1:${port}/${encodeURIComponent(vhost)}`;
  return {
    port,
    layout,
    url,
    async vhost() {
      const name = `t-${crypto.randomUUID()}`;
      await put(layout, `vhosts/${name}`, {});
      await put(layout, `permissions/${name}/${user}`, { configure: ".*", write: ".*", read: ".*" });
      return url(name);
    },
    async ctl(...args) {
      const { success, stdout, stderr } = await new Deno.Command(`${layout.scripts}/rabbitmqctl`, {
        args,
        clearEnv: true,
        env: brokerEnvironment(layout),
        cwd: layout.folder,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      const text = new TextDecoder();
      if (success) return text.decode(stdout);
      throw new BrokerError(
        "ctl_failed",
        `\`rabbitmqctl ${args.join(" ")}\` failed:\n${text.decode(stdout)}${text.decode(stderr)}`,
      );
    },
  };
}

/** A PUT to the management plugin's HTTP API. */
async function put({ httpPort, user, password }: BrokerLayout, path: string, body: unknown): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, {
    method: "PUT",
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new BrokerError("vhost_failed", `PUT ${path} was answered ${response.status}: ${text}`);
  }
}

async function bootServer(
  layout: BrokerLayout,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Deno.ChildProcess> {
  const printed = `${layout.folder}/printed`;
  await Deno.writeTextFile(printed, "");
  // Detached: the terminal's Ctrl-C must not reach the broker before those who are using it. The shell becomes the
  // script, which becomes the server, so that the process id is the server's.
  const server = new Deno.Command("/bin/sh", {
    args: ["-c", `exec "$0" >"$1" 2>&1`, `${layout.scripts}/rabbitmq-server`, printed],
    detached: true,
    clearEnv: true,
    env: brokerEnvironment(layout),
    cwd: layout.folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let exit: Deno.CommandStatus | undefined;
  server.status.then((status) => exit = status);
  const deadline = performance.now() + timeoutMs;
  try {
    // The banner's last word comes after the listeners are up; the connection makes sure of that.
    while (!((await Deno.readTextFile(printed)).includes("completed with") && await answers(layout.port))) {
      signal?.throwIfAborted();
      if (exit) throw new BrokerError("boot_failed", `RabbitMQ ended with ${exit.code} as it booted`);
      if (performance.now() > deadline) {
        throw new BrokerError("boot_timeout", `RabbitMQ did not boot within ${timeoutMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  } catch (error) {
    if (!exit) server.kill("SIGKILL");
    await server.status;
    if (error instanceof BrokerError) error.message += `. What it said:\n${await complaints(layout)}`;
    throw error;
  }
  return server;
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** The first errors that the broker printed or logged, where the reason is, and its last words. */
async function complaints({ folder }: BrokerLayout): Promise<string> {
  const files = [`${folder}/printed`, `${folder}/log/test@localhost.log`];
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file).catch(() => `(no ${file})`)));
  const lines = texts.flatMap((text) => text.trimEnd().split("\n"));
  const errors = lines.filter((line) => /\[(error|critical)\]/.test(line));
  return [...errors.slice(0, 20), "…", ...lines.slice(-5)].join("\n");
}

/**
 * A shell that waits until nobody holds its standard input any more, then ends whatever has the broker's folder in
 * its environment and removes the folder. That is the broker, its helpers, a `rabbitmqctl` under way, and the tests
 * that were handed the {@linkcode BrokerLayout} by a runner which is gone. `epmd` is its child, because it would
 * become nobody's if the broker started it.
 */
const GUARDIAN = `
trap '' HUP INT TERM
HOME="$0/home" epmd -port "$1" -address 127.0.0.1 >/dev/null 2>&1 </dev/null &
while read -r _; do :; done
while pids=$(grep -lsF -- "$0" /proc/[0-9]*/environ | cut -d/ -f3) && [ -n "$pids" ]; do
  kill -KILL $pids 2>/dev/null
  sleep 0.02
done
wait
rm -rf -- "$0"
`;

function startGuardian({ folder, epmdPort }: BrokerLayout): { dismiss(): Promise<void> } {
  // Detached: Deno kills its other children when the module that started them is done.
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", GUARDIAN, folder, String(epmdPort)],
    detached: true,
    // Not what it inherits: another broker's guardian would take it for one of the tests to be ended.
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let dismissed: Promise<void> | undefined;
  return {
    dismiss: () => dismissed ??= shell.stdin.close().then(() => shell.status).then(() => {}),
  };
}
