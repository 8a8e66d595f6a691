/** Sees to it that Debian packages are on this machine, without any service of theirs ever running on it. */

import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_ASIDE = "/usr/sbin/policy-rc.d.before-tests";
const POLICY_MARK = "# put here by tests/debian.ts while packages are installed";
/** Where packages put what is started at boot, */
const UNITS = "/lib/systemd/system";
/** and where those that know of no systemd do. */
const INIT_SCRIPTS = "/etc/init.d";

/** Packages are missing, and this process cannot install them. */
export class PackagesMissingError extends Error {
  /** Stable code of this fault. */
  readonly code = "packages_missing";
  override readonly name = "PackagesMissingError";
}

/** What {@linkcode installPackages} may be told. */
export interface InstallOptions {
  /** Gets a line for each thing done. @default silence */
  readonly log?: (line: string) => void;
  /** Ends it before the next step; packages are never interrupted half-way. @default never */
  readonly signal?: AbortSignal;
}

/** Paths that {@linkcode withoutServiceStarts} works on; others than the system's only in tests. */
export interface PolicyPaths {
  /** The script that Debian's maintainer scripts ask before they start a service. */
  policy: string;
  /** Where an existing script waits meanwhile, in the same folder. */
  aside: string;
}

/**
 * Installs the packages of those programs that are missing. A test that needs them begins with it:
 *
 *     const unavailable = await ensurePrograms({ promtool: "prometheus" });
 *     if (unavailable) console.log(`skipped: ${unavailable}`);
 *     Deno.test({ name: "…", ignore: unavailable !== undefined, fn: async () => { … } });
 *
 * @param packageOf the package of each program
 * @returns why they cannot be had here and what to type, in a sentence; `undefined` when all of them are there
 * @throws {PackagesMissingError} when apt failed, or a package does not have its program
 */
export async function ensurePrograms(
  packageOf: Readonly<Record<string, string>>,
  options: InstallOptions = {},
): Promise<string | undefined> {
  const missing = () => Object.keys(packageOf).filter((program) => !hasProgram(program));
  const packages = [...new Set(missing().map((program) => packageOf[program]!))];
  if (packages.length === 0) return undefined;
  const obstacle = whyNotInstallable(packages);
  if (obstacle !== undefined) return obstacle;
  await installPackages(packages, options);
  const absent = missing();
  if (absent.length === 0) return undefined;
  throw new PackagesMissingError(
    `apt-get installed ${packages.join(" ")}, but there is no ${absent.join(", no ")}.`,
  );
}

/**
 * Installs Debian packages. Takes no input, starts none of their services, and keeps them from starting at boot.
 *
 * @throws {PackagesMissingError} what to type, when this is not root on Debian; what apt said, when it failed
 */
export async function installPackages(
  packages: readonly string[],
  { log = () => {}, signal }: InstallOptions = {},
): Promise<void> {
  const obstacle = whyNotInstallable(packages);
  if (obstacle !== undefined) throw new PackagesMissingError(obstacle);
  const startedAt = performance.now();
  log(`installing Debian's ${packages.join(", ")} (no service is started)`);
  const before = new Set([...services(UNITS), ...services(INIT_SCRIPTS)]);
  await withoutServiceStarts(async () => {
    if (!haveAptLists()) await apt(["update"], log, signal);
    const install = ["install", "--no-install-recommends", ...packages];
    await apt(install, log, signal).catch(async (error) => {
      if (signal?.aborted || !(error instanceof PackagesMissingError)) throw error;
      log("apt-get install failed; once more with fresh lists");
      await apt(["update"], log, signal);
      await apt(install, log, signal);
    });
    const isNew = (service: string) => !before.has(service);
    await keepOffAtBoot(services(UNITS).filter(isNew), services(INIT_SCRIPTS).filter(isNew));
  });
  log(`installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

/**
 * Runs `work` while Debian's maintainer scripts may start no service, and puts the policy back as it was, also
 * after a run that was killed half-way. Whoever else wants to install waits for it: files of tests run side by side, and
 * the first one to be done would take away the policy that the others still rely on.
 */
export async function withoutServiceStarts(
  work: () => Promise<void>,
  { policy, aside }: PolicyPaths = { policy: POLICY, aside: POLICY_ASIDE },
): Promise<void> {
  using folder = await Deno.open(dirname(policy));
  await folder.lock(true);
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

/** Runs a program that need not exist; true when it did and ended with 0. */
export async function quietly(program: string, args: readonly string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether there is a regular file, or a link to one. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function whyNotInstallable(packages: readonly string[]): string | undefined {
  const names = packages.join(" ");
  const command = `apt-get update && apt-get install --no-install-recommends ${names}`;
  if (!isFile("/usr/bin/apt-get") || !isFile("/etc/debian_version")) {
    return `Missing here: your system's packages for ${names} (on Debian: ${command}). Install and try again.`;
  }
  if (Deno.uid() !== 0) return `Missing here: ${names}. Run \`sudo sh -c '${command}'\` and try again.`;
  return undefined;
}

function hasProgram(name: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return [...folders, "/usr/sbin", "/sbin"].some((folder) => folder !== "" && isFile(`${folder}/${name}`));
}

async function apt(
  command: readonly string[],
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  log(`apt-get ${command[0]}`);
  const args = ["-q", "-y", "-o", "DPkg::Lock::Timeout=120", ...command];
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
  throw new PackagesMissingError(`\`apt-get ${args.join(" ")}\` failed with exit code ${code}:\n${tail}`);
}

/** Without this a package's public service would come up at the next boot of the machine. */
async function keepOffAtBoot(units: readonly string[], scripts: readonly string[]): Promise<void> {
  if (units.length > 0) await quietly("systemctl", ["disable", ...units]);
  for (const script of scripts) await quietly("update-rc.d", [script, "disable"]);
}

function services(folder: string): string[] {
  const names = exists(folder) ? [...Deno.readDirSync(folder)].map(({ name }) => name) : [];
  return folder === INIT_SCRIPTS
    ? names
    : names.filter((name) => /[^@]\.(?:service|socket|timer)$/.test(name));
}

function haveAptLists(): boolean {
  try {
    return [...Deno.readDirSync("/var/lib/apt/lists")].some(({ name }) => name.includes("_Packages"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Also true of a link that leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
