import { parseArgs } from "node:util";
import { EXIT } from "./src/exit_codes.ts";
import { runWorker } from "./src/run.ts";
import { VERSION } from "./src/version.ts";

const HELP = `whatsapp-worker ${VERSION}: holds WhatsApp sessions for a backend and talks to it over RabbitMQ

Usage: worker [options]

  (none)             run the worker until SIGTERM or SIGINT
  --check            tell what is wrong with this installation and what to do about it
  --json             with --check: for machines
  --env-file FILE    read the settings from FILE (default: ./.env)
  --version          print the version
  --help             print this

Exit codes: 0 fine, 64 wrong usage, 69 broker out of reach, 70 fault of the program, 73 state folder unusable,
78 configuration wrong.
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
    console.error(`${error instanceof Error ? error.message : error}\nTry 'worker --help'`);
    return EXIT.USAGE;
  }
  if (options.help) console.log(HELP.trimEnd());
  else if (options.version) console.log(`whatsapp-worker ${VERSION}`);
  else return await runWorker({ envFile: options["env-file"] });
  return EXIT.OK;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
