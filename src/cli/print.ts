/** `worker print …`: the files that came with this worker, so that one file is all a machine needs to be given. */
import envExample from "../../.env.example" with { type: "text" };
import installer from "../../install.sh" with { type: "text" };
import unit from "../../worker.service" with { type: "text" };
import { EXIT } from "../exit_codes.ts";
import type { BareCommand, CommandGroup } from "./command.ts";

const HELP = `worker print: write a file that came with this worker to standard output

Usage: worker print install.sh      what installs this worker as a service; it has a --help
       worker print worker.service  the systemd unit
       worker print .env.example    every setting, with its meaning and default

It needs no configuration.
`;

/** `worker print …`. */
export const PRINT: CommandGroup = {
  name: "print",
  help: HELP,
  commands: [
    printing("install.sh", installer),
    printing("worker.service", unit),
    printing(".env.example", envExample),
  ],
};

function printing(name: string, text: string): BareCommand {
  const write = async () => {
    await new Blob([text]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
    return EXIT.OK;
  };
  return { name: `print ${name}`, usage: "", operands: [0, 0], options: [], runBare: write };
}
