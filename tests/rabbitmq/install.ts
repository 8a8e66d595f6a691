/**
 * Sees to it that RabbitMQ's programs are on this machine, without a RabbitMQ ever running on it in public.
 *
 * Debian's package starts a broker on every interface as it is installed, and `epmd` beside it. The tests need
 * neither: they start a private broker of their own ({@linkcode startBroker}).
 */

import { type InstallOptions, installPackages, isFile, PackagesMissingError, quietly } from "../debian.ts";

/** Where Debian (and the RPM packages) put the server; the wrappers in /usr/sbin insist on changing user. */
const SERVER_PARENT = "/usr/lib/rabbitmq/lib";

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
 * @throws {PackagesMissingError} one sentence with package and command, when this is not root on Debian, or apt failed
 */
export async function ensureRabbitmq(
  log: (line: string) => void,
  { signal }: Pick<InstallOptions, "signal"> = {},
): Promise<string> {
  const present = rabbitmqScripts();
  if (present !== undefined) return present;
  const epmdBefore = await defaultEpmdRuns();
  await installPackages(["rabbitmq-server"], { log, ...(signal && { signal }) });
  if (!epmdBefore && await defaultEpmdRuns()) await quietly("epmd", ["-kill"]);
  const scripts = rabbitmqScripts();
  if (scripts === undefined) {
    throw new PackagesMissingError(
      `apt-get installed rabbitmq-server, but ${SERVER_PARENT} has no server: try \`apt-get install --reinstall rabbitmq-server\`.`,
    );
  }
  return scripts;
}

/** Whether an `epmd` answers on the port that is everybody's. */
async function defaultEpmdRuns(): Promise<boolean> {
  return await quietly("epmd", ["-names"]);
}
