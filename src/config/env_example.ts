/** Writes `.env.example` from the table of settings: `deno run --allow-write=.env.example src/config/env_example.ts` */
import { KEYS, rowOf } from "./settings.ts";

const HEADER = `# Settings of the worker. Copy to .env, chmod 600, and replace every CHANGE_ME.
# The process environment goes over this file, this file over the defaults.
#
# One KEY=value a line. Put a value that holds blanks or # into quotes; a comment has a line of its own.
# Keys of another tool beside them, or the number of settings, so that the loss of an optional one is noticed, are declared so:
#   # worker: allow PREFIX_
#   # worker: settings 17
`;

/** The text of `.env.example`: required settings as lines to fill in, optional ones commented out with their default. */
export function envExample(): string {
  const rows = KEYS.map((key) => {
    const { section, about, rule, required, default: fallback, example } = rowOf(key);
    const standing = required ? "Required" : fallback === undefined ? "Not set by default" : "Optional";
    const value = /[\s#]/.test(example) ? `"${example}"` : example;
    const lines = [
      `# ${about}.`,
      `# ${standing}: ${rule.expects}.`,
      `${required ? "" : "# "}${key}=${value}`,
    ];
    return [...(section ? [`\n# --- ${section} ---`] : []), "", ...lines, ""].join("\n");
  });
  return HEADER + rows.join("");
}

if (import.meta.main) await Deno.writeTextFile(".env.example", envExample());
