/**
 * The tests of the appliance in a real systemd, as `deno task test:systemd` runs them.
 *
 *     deno task test:systemd                      with the worker that WORKER_BIN names, else one that is built first
 *     deno task test:systemd --filter "denies"    any options of `deno test`, or files
 *
 * It needs root, a kernel that lets it make namespaces and mounts, and on Debian nothing else: the packages it uses are
 * installed, and the Debian that is booted is made once ({@linkcode ensureImage}; SYSTEMD_TEST_SUITE=trixie for another).
 * The tests run in a network namespace of their own, with a broker of their own.
 *
 * The last line is `N passed, N failed`; or `skipped: WHY`, with exit code 77, where they cannot run.
 */

import { ensurePrograms } from "../debian.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { SHARED_BROKER_VARIABLE } from "../rabbitmq/shared.ts";
import { WORKER_BIN_VARIABLE } from "../worker_command.ts";
import { whyNoContainer } from "./container.ts";
import { ensureImage } from "./image.ts";
import { type Site, SITE_VARIABLE } from "./site.ts";

/** What `main()` ends with where the tests cannot run, as test programs by convention do. */
export const SKIPPED = 77;

/** The package of every program that is used. */
const PROGRAMS = {
  "systemd-nspawn": "systemd-container",
  mmdebstrap: "mmdebstrap",
  ip: "iproute2",
  nsenter: "util-linux",
  setpriv: "util-linux",
  unshare: "util-linux",
};

/** A command in a network of its own, where there is loopback alone. */
const IN_OWN_NETWORK = ["unshare", "--net", "/bin/sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

async function main(args: string[]): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => interruption.abort());
  }
  const { signal } = interruption;
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-build-" });
  try {
    const whyNot = await whyNotHere() ?? await ensurePrograms(PROGRAMS, { log: console.log, signal });
    if (whyNot !== undefined) return skip(whyNot);
    const suite = Deno.env.get("SYSTEMD_TEST_SUITE");
    const image = await ensureImage(console.log, { signal, ...suite && { suite } });
    const refusal = await whyNoContainer(image);
    if (refusal !== undefined) return skip(`no container can be started: ${refusal}`);
    await ensureRabbitmq(console.log, { signal });
    const worker = Deno.env.get(WORKER_BIN_VARIABLE) ?? await build(folder, signal);
    return await runTests({ image, worker: await Deno.realPath(worker) }, args, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return 130;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function skip(why: string): number {
  console.log(`skipped: ${why}`);
  return SKIPPED;
}

async function whyNotHere(): Promise<string | undefined> {
  if (`${Deno.build.os} ${Deno.build.arch}` !== "linux x86_64") return "the worker is for Linux on x86-64";
  if (Deno.uid() !== 0) return "it takes root to start a container";
  const args = ["--net", "--mount", "true"];
  const { success, stderr } = await new Deno.Command("unshare", { args, stdin: "null", stdout: "null" })
    .output();
  return success ? undefined : `no namespaces can be had: ${new TextDecoder().decode(stderr).trim()}`;
}

async function build(folder: string, signal: AbortSignal): Promise<string> {
  const program = new URL("../../build/main.ts", import.meta.url).pathname;
  const code = await execute([Deno.execPath(), "run", "-A", program, "--to", folder], {}, signal);
  if (code !== 0) throw new Error("The worker cannot be built, see above");
  return `${folder}/worker`;
}

async function runTests(site: Site, args: string[], signal: AbortSignal): Promise<number> {
  const here = new URL(".", import.meta.url).pathname;
  // There is no network where they run, so what they import has to be here already.
  const tests = [...Deno.readDirSync(here)].map(({ name }) => name).filter((name) =>
    name.endsWith("_test.ts")
  );
  const cache = ["cache", "--quiet", ...tests.map((name) => here + name), `${here}../run.ts`];
  const cached = await execute([Deno.execPath(), ...cache], {}, signal);
  if (cached !== 0) throw new Error("What the tests import cannot be had, see above");
  const what = args.some((arg) => arg.endsWith("_test.ts")) ? args : [here, ...args];
  const command = [Deno.execPath(), "run", "-A", `${here}../run.ts`, ...what];
  return await execute([...IN_OWN_NETWORK, ...command], { [SITE_VARIABLE]: JSON.stringify(site) }, signal);
}

async function execute(
  [program, ...args]: string[],
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const { [SHARED_BROKER_VARIABLE]: _ofAnotherNetwork, ...inherited } = Deno.env.toObject();
  const child = new Deno.Command(program!, {
    args,
    clearEnv: true,
    env: { ...inherited, ...env },
    stdin: "null",
  }).spawn();
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  try {
    return (await child.status).code;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
