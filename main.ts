import { parseArgs } from "node:util";
import { EXIT } from "./src/exit_codes.ts";
import { VERSION } from "./src/version.ts";

const HELP = `whatsapp-worker ${VERSION}: holds WhatsApp sessions for a backend and talks to it over RabbitMQ

Usage: worker [options]

  (none)             run the worker until SIGTERM or SIGINT
  --check            tell what is wrong with this installation and what to do about it
  --json             with --check: for machines
  --env-file FILE    read the settings from FILE (default: ./.env)
  --version          print the version
  --help             print this

Exit codes: 0 fine, 64 wrong usage, 69 broker (with --check: or WhatsApp) out of reach, 70 fault of the program,
73 state folder unusable, 78 configuration wrong. --check ends with the first that applies of 78, 73 and 69.
`;

const OPTIONS = {
  "check": { type: "boolean" },
  "json": { type: "boolean" },
  "env-file": { type: "string" },
  "version": { type: "boolean" },
  "help": { type: "boolean" },
} as const;

async function main(args: string[]): Promise<number> {
  let options;
  try {
    options = parseArgs({ args, options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nTry --help`);
    return EXIT.USAGE;
  }
  const { check = false, json = false, "env-file": envFile } = options;
  if (options.help) console.log(HELP.trimEnd());
  else if (options.version) console.log(`whatsapp-worker ${VERSION}`);
  else if (json && !check) {
    console.error("Option '--json' goes with '--check'\nTry --help");
    return EXIT.USAGE;
  } else if (check) return await (await import("./src/preflight/run.ts")).preflight({ envFile, json });
  else return await (await import("./src/run.ts")).runWorker({ envFile });
  return EXIT.OK;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
