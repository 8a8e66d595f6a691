import type { Settings } from "../config/load.ts";
import type { OptionName, Options } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is given. */
export interface Invocation {
  readonly settings: Settings;
  /** What stands behind the command's words. */
  readonly operands: readonly string[];
  readonly options: Options;
  readonly terminal: Terminal;
}

/** How a command is typed. */
interface Wording {
  /** `dead-letters list`. */
  readonly name: string;
  /** What may follow the words, as the help shows it. */
  readonly usage: string;
  /** How many operands it takes. */
  readonly operands: readonly [least: number, most: number];
  readonly options: readonly OptionName[];
}

/** A command of the operator's, which works on what is configured. */
export interface Command extends Wording {
  /** @throws {CommandError} @returns the exit code */
  readonly run: (invocation: Invocation) => Promise<number>;
}

/** A command that needs no configuration, not even a right one. */
export interface BareCommand extends Wording {
  /** @returns the exit code */
  readonly runBare: () => Promise<number>;
}

/** Commands that share their first word and their help. */
export interface CommandGroup {
  /** The first word. */
  readonly name: string;
  readonly help: string;
  readonly commands: readonly (Command | BareCommand)[];
}
