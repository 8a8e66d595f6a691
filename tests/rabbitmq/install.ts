/**
 * Sees to it that RabbitMQ's programs are on this machine, without a RabbitMQ ever running on it in public.
 *
 * Debian's package starts a broker on every interface as it is installed, and `epmd` beside it. The tests need
 * neither: they start a private broker of their own ({@linkcode startBroker}).
 */

import { lstatSync, statSync } from "node:fs";

/** Where Debian (and the RPM packages) put the server; the wrappers in /usr/sbin insist on changing user. */
const SERVER_PARENT = "/usr/lib/rabbitmq/lib";
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_ASIDE = "/usr/sbin/policy-rc.d.before-rabbitmq";
const POLICY_MARK = "# put here by tests/rabbitmq/install.ts while rabbitmq-server is installed";
const INSTALL_COMMAND = "apt-get update && apt-get install --no-install-recommends rabbitmq-server";

/** RabbitMQ is missing and this process cannot install it. */
export class RabbitmqMissingError extends Error {
  /** Stable code of this fault. */
  readonly code = "rabbitmq_missing";
  override readonly name = "RabbitmqMissingError";
}

/** Paths that {@linkcode withoutServiceStarts} works on; others than the system's only in tests. */
export interface PolicyPaths {
  /** The script that Debian's maintainer scripts ask before they start a service. */
  policy: string;
  /** Where an existing script waits meanwhile, in the same folder. */
  aside: string;
}

/** What {@linkcode ensureRabbitmq} may be told. */
export interface EnsureRabbitmqOptions {
  /** Ends it before the next step; packages are never interrupted half-way. @default never */
  signal?: AbortSignal;
}

/**
 * The folder of RabbitMQ's own scripts (`rabbitmq-server`, `rabbitmqctl`), newest version first.
 *
 * @returns `undefined` when RabbitMQ is not installed
 */
export function rabbitmqScripts(parent: string = SERVER_PARENT): string | undefined {
  const found: string[] = [];
  try {
    for (const entry of Deno.readDirSync(parent)) {
      if (entry.name.startsWith("rabbitmq_server-")) found.push(`${parent}/${entry.name}/sbin`);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const newestFirst = new Intl.Collator("en", { numeric: true });
  return found.sort((a, b) => newestFirst.compare(b, a)).find((scripts) =>
    isFile(`${scripts}/rabbitmq-server`)
  );
}

/**
 * Installs Debian's `rabbitmq-server` when it is absent. Takes no input, starts no service and leaves no `epmd`.
 *
 * @param log gets a line for each thing done; nothing when RabbitMQ is there already
 * @returns the folder of RabbitMQ's scripts
 * @throws {RabbitmqMissingError} one sentence with package and command, when this is not root on Debian, or apt failed
 */
export async function ensureRabbitmq(
  log: (line: string) => void,
  { signal }: EnsureRabbitmqOptions = {},
): Promise<string> {
  const present = rabbitmqScripts();
  if (present !== undefined) return present;
  if (!isFile("/usr/bin/apt-get") || !isFile("/etc/debian_version")) {
    throw new RabbitmqMissingError(
      "RabbitMQ is missing: install your system's rabbitmq-server package (on Debian: " + INSTALL_COMMAND +
        ") and try again.",
    );
  }
  if (Deno.uid() !== 0) {
    throw new RabbitmqMissingError(
      `RabbitMQ is missing: install the package rabbitmq-server with \`sudo sh -c '${INSTALL_COMMAND}'\` and try again.`,
    );
  }
  const startedAt = performance.now();
  log("installing Debian's rabbitmq-server (its own broker is not started)");
  const epmdBefore = await defaultEpmdRuns();
  await withoutServiceStarts(async () => {
    if (!haveAptLists()) await apt(["update"], log, signal);
    await apt(["install"], log, signal).catch(async (error) => {
      if (signal?.aborted || !(error instanceof RabbitmqMissingError)) throw error;
      log("apt-get install failed; once more with fresh lists");
      await apt(["update"], log, signal);
      await apt(["install"], log, signal);
    });
    await keepOffAtBoot();
  });
  if (!epmdBefore && await defaultEpmdRuns()) await quietly("epmd", ["-kill"]);
  const scripts = rabbitmqScripts();
  if (scripts === undefined) {
    throw new RabbitmqMissingError(
      `apt-get installed rabbitmq-server, but ${SERVER_PARENT} has no server: try \`apt-get install --reinstall rabbitmq-server\`.`,
    );
  }
  log(`installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return scripts;
}

/**
 * Runs `work` while Debian's maintainer scripts may start no service, and puts the policy back as it was, also
 * after a run that was killed half-way.
 */
export async function withoutServiceStarts(
  work: () => Promise<void>,
  { policy, aside }: PolicyPaths = { policy: POLICY, aside: POLICY_ASIDE },
): Promise<void> {
  const leftByUs = isFile(policy) && Deno.readTextFileSync(policy).includes(POLICY_MARK);
  if (!leftByUs && exists(policy)) Deno.renameSync(policy, aside);
  Deno.writeTextFileSync(policy, `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`);
  Deno.chmodSync(policy, 0o755);
  try {
    await work();
  } finally {
    Deno.removeSync(policy);
    if (exists(aside)) Deno.renameSync(aside, policy);
  }
}

async function apt(
  [verb]: ["update" | "install"],
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  log(`apt-get ${verb}`);
  const args = ["-q", "-y", "-o", "DPkg::Lock::Timeout=120", verb];
  if (verb === "install") args.push("--no-install-recommends", "rabbitmq-server");
  // Detached: the terminal's Ctrl-C would leave dpkg interrupted, and with it the system's packages.
  const { code, stdout, stderr } = await new Deno.Command("apt-get", {
    args,
    detached: true,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  const text = new TextDecoder();
  const tail = (text.decode(stdout) + text.decode(stderr)).trimEnd().split("\n").slice(-15).join("\n");
  throw new RabbitmqMissingError(
    `RabbitMQ is missing and \`apt-get ${args.join(" ")}\` failed with exit code ${code}:\n${tail}`,
  );
}

/** Without this the package's public broker would come up at the next boot of the machine. */
async function keepOffAtBoot(): Promise<void> {
  await quietly("update-rc.d", ["rabbitmq-server", "disable"]);
  await quietly("systemctl", ["disable", "epmd.socket", "epmd.service"]);
}

/** Whether an `epmd` answers on the port that is everybody's. */
async function defaultEpmdRuns(): Promise<boolean> {
  return await quietly("epmd", ["-names"]);
}

/** Runs a program that need not exist; true when it did and ended with 0. */
async function quietly(program: string, args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function haveAptLists(): boolean {
  try {
    return [...Deno.readDirSync("/var/lib/apt/lists")].some(({ name }) => name.includes("_Packages"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Also true of a link that leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
