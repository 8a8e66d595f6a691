import { parseArgs } from "node:util";
import { OPTIONS, type Options } from "./src/cli/options.ts";
import { EXIT } from "./src/exit_codes.ts";
import { VERSION } from "./src/version.ts";

const HELP = `whatsapp-worker ${VERSION}: holds WhatsApp sessions for a backend and talks to it over RabbitMQ

Usage: worker [options]
       worker dead-letters list | show | requeue | drop
       worker session list | show | delete | unpin
       worker print install.sh | worker.service | .env.example

  (none)             run the worker until SIGTERM or SIGINT
  dead-letters       what could not be handled: look at it, send it back or drop it
  session            the numbers of this worker; free the number of one that is lost for good
  print              write a file that came with this worker to standard output
  --check            tell what is wrong with this installation and what to do about it
  --only a,b         with --check: these only, by their ids or the first part of them (configuration, state, broker, …);
                     what they need runs too, and is reported if it fails
  --timeout SECONDS  with --check: end within that whatever hangs (default: 15)
  --strict           with --check: exit 1 when there are warnings
  --json             with --check, --version and commands: for machines
  --env-file FILE    read the settings from FILE (default: ./.env, or /etc/whatsapp-worker/worker.env)
  --version          print the version, and what it is made of
  --unpack           unpack a self-extracting worker beside itself, as install.sh does, and print where; others have
                     nothing to unpack
  --help             print this; behind a command, its own help

Exit codes: 0 fine, 64 wrong usage, 66 no such dead letter or session, 69 broker (with --check: or WhatsApp) out of
reach, 70 fault of the program, 73 state folder unusable, 75 in use or not wholly done, try again, 78 configuration
wrong. --check ends with the first that applies of 78, 73, 69 and, with --strict, 1 for warnings.
`;

/** The options that go without a command. */
const OWN_OPTIONS = ["check", "json", "env-file", "version", "unpack", "help", "only", "timeout", "strict"];
/** Those of them that go with `--check` alone. */
const CHECK_OPTIONS = ["only", "timeout", "strict"] as const;

async function main(args: string[]): Promise<number> {
  let options: Options, positionals: string[];
  try {
    ({ values: options, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true }));
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error));
  }
  const { check = false, json = false, "env-file": envFile } = options;
  if (positionals.length > 0) {
    return await (await import("./src/cli/dispatch.ts")).dispatch(positionals, options);
  }
  const foreign = Object.keys(options).find((option) => !OWN_OPTIONS.includes(option));
  if (foreign !== undefined) return wrongUsage(`Option '--${foreign}' goes with a command`);
  const needsCheck = CHECK_OPTIONS.find((option) => options[option] !== undefined);
  if (options.help) console.log(HELP.trimEnd());
  else if (options.version) await printVersion({ json });
  // A self-extracting worker's stub has taken it before it came here.
  else if (options.unpack) return EXIT.OK;
  else if (json && !check) return wrongUsage("Option '--json' goes with '--check', '--version' or a command");
  else if (check) {
    const { only, timeout, strict = false } = options;
    const { preflight } = await import("./src/preflight/run.ts");
    return await preflight({ envFile, json, only, timeout, strict });
  } else if (needsCheck !== undefined) return wrongUsage(`Option '--${needsCheck}' goes with '--check'`);
  else return await (await import("./src/run.ts")).runWorker({ envFile });
  return EXIT.OK;
}

async function printVersion({ json }: { json: boolean }): Promise<void> {
  const { buildInfo, renderBuildInfo } = await import("./src/build_info.ts");
  const info = await buildInfo();
  console.log(json ? JSON.stringify(info, undefined, 2) : renderBuildInfo(info));
}

function wrongUsage(message: string): number {
  console.error(`${message}\nTry --help`);
  return EXIT.USAGE;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
