/** Every option of the program, whichever command it goes with. */
export const OPTIONS = {
  "all": { type: "boolean" },
  "check": { type: "boolean" },
  "env-file": { type: "string" },
  "help": { type: "boolean" },
  "json": { type: "boolean" },
  "limit": { type: "string" },
  "only": { type: "string" },
  "queue": { type: "string" },
  "reason": { type: "string" },
  "strict": { type: "boolean" },
  "timeout": { type: "string" },
  "unpack": { type: "boolean" },
  "version": { type: "boolean" },
  "worker": { type: "string" },
  "yes": { type: "boolean" },
} as const;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof OPTIONS;

/** The options that were given. */
export type Options = {
  readonly [Name in OptionName]?:
    | ((typeof OPTIONS)[Name]["type"] extends "boolean" ? boolean : string)
    | undefined;
};
