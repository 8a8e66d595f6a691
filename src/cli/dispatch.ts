import { configuringEnvironment } from "../config/environment.ts";
import { ConfigError, loadConfig, renderFaults } from "../config/load.ts";
import { nearestOf } from "../config/suggest.ts";
import { EXIT } from "../exit_codes.ts";
import type { BareCommand, Command, CommandGroup } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { DEAD_LETTERS } from "./dead_letters.ts";
import type { OptionName, Options } from "./options.ts";
import { PRINT } from "./print.ts";
import { SESSION } from "./session.ts";
import { ownTerminal, visibleLines } from "./terminal.ts";

const GROUPS: readonly CommandGroup[] = [DEAD_LETTERS, SESSION, PRINT];

/** Carries out `worker WORD WORD …`. Resolves to the exit code; what went wrong is worded on standard error. */
export async function dispatch(words: readonly string[], options: Options): Promise<number> {
  try {
    const group = groupOf(words);
    if (options.help) {
      console.log(group.help.trimEnd());
      return EXIT.OK;
    }
    const command = commandOf(group, words);
    const operands = words.slice(2);
    checkUsage(command, operands, options);
    return await carryOut(command, operands, options);
  } catch (error) {
    if (error instanceof ConfigError) console.error(error.message);
    else if (error instanceof CommandError) {
      // What was typed is quoted in them.
      console.error(visibleLines(`${error.message}\n→ ${error.remedy}`).join("\n"));
    } else throw error;
    return error.exitCode;
  }
}

function groupOf([word = ""]: readonly string[]): CommandGroup {
  const group = GROUPS.find(({ name }) => name === word);
  if (group !== undefined) return group;
  const names = GROUPS.map(({ name }) => name);
  throw unknown(`There is no command ${JSON.stringify(word)}`, word, names, "worker --help");
}

function commandOf(group: CommandGroup, [, word]: readonly string[]): Command | BareCommand {
  const command = group.commands.find(({ name }) => name === `${group.name} ${word}`);
  if (command !== undefined) return command;
  const names = group.commands.map(({ name }) => name.slice(group.name.length + 1));
  throw unknown(
    word === undefined
      ? `'worker ${group.name}' needs to be told what to do`
      : `'worker ${group.name}' cannot ${JSON.stringify(word)}`,
    word ?? "",
    names,
    `worker ${group.name} --help`,
  );
}

function unknown(message: string, word: string, names: readonly string[], help: string): CommandError {
  const nearest = nearestOf(word.toLowerCase(), names);
  const remedy = nearest === undefined ? `Known: ${names.join(", ")}.` : `Did you mean '${nearest}'?`;
  return new CommandError(message, `${remedy} Try: ${help}`, EXIT.USAGE);
}

function checkUsage(
  { name, usage, operands: [least, most], options: own }: Command | BareCommand,
  operands: readonly string[],
  options: Options,
) {
  const refuse = (message: string) => {
    throw new CommandError(message, `Usage: worker ${name} ${usage}`, EXIT.USAGE);
  };
  const foreign = (Object.keys(options) as OptionName[]).find((option) => !own.includes(option));
  if (foreign !== undefined) refuse(`Option '--${foreign}' does not go with '${name}'`);
  if (operands.length < least) refuse(`'${name}' needs to be told which`);
  if (operands.length > most) refuse(`'${name}' takes no ${JSON.stringify(operands[most])}`);
}

async function carryOut(
  command: Command | BareCommand,
  operands: readonly string[],
  options: Options,
): Promise<number> {
  if ("runBare" in command) return await command.runBare();
  const envFile = options["env-file"];
  const { settings, warnings } = await loadConfig({ envFile, environment: configuringEnvironment() });
  const terminal = ownTerminal();
  if (warnings.length > 0) terminal.tell(renderFaults(warnings));
  return await command.run({ settings, operands, options, terminal });
}
