/** Loads the configuration: process environment over file over default, everything checked, all faults at once. */
import { findAssignment } from "./assignment.ts";
import { crossFaults } from "./cross_rules.ts";
import { type EnvText, readEnvText } from "./env_file.ts";
import { fetchEnvFile, type ReadFile, readRegularFile } from "./env_source.ts";
import { ConfigError, type Fault } from "./fault.ts";
import { quoteLine, secretPart } from "./quote.ts";
import { Refused } from "./rules.ts";
import { isKey, type Key, KEYS, rowOf, type Settings } from "./settings.ts";
import { suggestKey } from "./suggest.ts";

export { ConfigError, type Fault, renderFaults } from "./fault.ts";
export type { Key, Settings } from "./settings.ts";

/** Where a setting's value came from. */
export type Source = "environment" | "file" | "default";

/** The configuration as the worker runs with it. */
export interface Config {
  settings: Settings;
  /** For every key. `default` also where there is no value at all. */
  sources: ReadonlyMap<Key, Source>;
  /** What is not right but no reason to refuse. */
  warnings: Fault[];
}

/** What {@link loadConfig} reads. */
export interface LoadOptions {
  /**
   * The file, which must exist when it is named.
   * @default "./.env", which may be missing if the environment has everything
   */
  envFile?: string | undefined;
  /** The process environment, e.g. `Deno.env.toObject()`. Only known keys and proxy variables are looked at. */
  environment: Readonly<Record<string, string>>;
  /** @default from the disk */
  readFile?: ReadFile;
}

/** A text given for a setting, and where. */
interface Given {
  key: Key;
  text: string;
  source: Source;
  place: Pick<Fault, "file" | "line" | "column">;
}

const NO_TEXT: EnvText = { lines: [], entries: [], allowed: [], faults: [] };

/**
 * Reads file and environment and checks every value of both, also those that the other one overrides.
 *
 * @throws {ConfigError} with every fault there is
 */
export async function loadConfig(
  { envFile, environment, readFile = readRegularFile }: LoadOptions,
): Promise<Config> {
  const file = envFile ?? "./.env";
  const fetched = await fetchEnvFile(file, readFile);
  const text = fetched.ok ? readEnvText(fetched.content.bytes, file) : NO_TEXT;
  const given = givenIn(text, file, environment);
  const missing = new Set(KEYS.filter((key) => rowOf(key).required && !given.some((one) => one.key === key)));

  const checked = [...given, ...defaultsFor(given)].map((one) => ({
    ...one,
    result: checkValue(one, missing),
  }));
  const chosen = new Map(KEYS.map((key) => [key, checked.find((one) => one.key === key)]));
  const settings = Object.fromEntries(
    [...chosen].map(([key, one]) => [key, one && "value" in one.result ? one.result.value : undefined]),
  ) as Partial<Settings>;

  const permission = fetched.ok ? permissionFault(file, fetched.content.mode, text) : undefined;
  const production = chosen.get("NODE_ENV")?.text === "production";
  const faults: Fault[] = [
    ...(fetched.ok ? [] : sourceFaults(fetched.fault, envFile === undefined, missing)),
    ...(permission && production ? [permission] : []),
    ...text.faults.map((fault) => withHint(fault, text, missing)),
    ...foreignFaults(text, file),
    ...checked.flatMap(({ result }) => "fault" in result ? [result.fault] : []),
    ...crossFaults(settings, environment).map((fault) => ({ ...chosen.get(fault.key)?.place, ...fault })),
    ...(fetched.ok ? [...missing].map((key) => missingFault(key, file)) : []),
  ];
  if (faults.length > 0) throw new ConfigError(quoteAll(inOrder(faults, file), file, text, given));
  return {
    settings: settings as Settings,
    sources: new Map(KEYS.map((key) => [key, chosen.get(key)?.source ?? "default"])),
    warnings: permission ? [permission] : [],
  };
}

/** All that was given, what counts first. */
function givenIn(text: EnvText, file: string, environment: Readonly<Record<string, string>>): Given[] {
  const fromEnvironment = KEYS.flatMap((key): Given[] => {
    const text = environment[key];
    return text === undefined ? [] : [{ key, text, source: "environment", place: { file: "environment" } }];
  });
  const fromFile = text.entries.flatMap(({ key, value, line, column }): Given[] =>
    isKey(key) ? [{ key, text: value, source: "file", place: { file, line, column } }] : []
  );
  return [...fromEnvironment, ...fromFile];
}

/** The defaults of what was not given; those that follow another setting follow what counts of it. */
function defaultsFor(given: readonly Given[]): Given[] {
  const textOf = (key: string) => given.find((one) => one.key === key)?.text ?? "";
  return KEYS.filter((key) => !given.some((one) => one.key === key)).flatMap((key): Given[] => {
    const fallback = rowOf(key).default;
    const text = typeof fallback === "function" ? fallback(textOf) : fallback;
    return text === undefined || (typeof fallback === "function" && text === "")
      ? []
      : [{ key, text, source: "default", place: {} }];
  });
}

/** The value of a text by its setting's own rule, or what is wrong with it. */
function checkValue(
  { key, text, place }: Given,
  missing: ReadonlySet<Key>,
): { value: unknown } | { fault: Fault } {
  const { rule, example, required, mayBeEmpty, secret } = rowOf(key);
  const fault = (code: string, message: string, remedy: string, at = 0): { fault: Fault } => ({
    fault: {
      ...place,
      ...(place.column && { column: place.column + [...text.slice(0, at)].length }),
      key,
      code,
      message,
      remedy,
    },
  });

  if (text === "" && !mayBeEmpty) {
    return fault(
      "empty_value",
      `${key} is empty`,
      `Give it a value, e.g. ${example}${required ? "" : ", or remove the line"}`,
    );
  }
  if (text.includes("CHANGE_ME")) {
    return fault(
      "placeholder",
      `${key} still holds the placeholder of .env.example`,
      "Put the real value in its place",
    );
  }
  const other = findAssignment(text, !secret, missing);
  if (other) {
    return fault(
      "holds_assignment",
      `The value of ${key} holds another assignment: from here it looks like ${
        other.keys[0]
      }=, or the end of it`,
      "One line was written over another: write both anew, each on a line of its own",
      other.at,
    );
  }
  try {
    return { value: rule.parse(text) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return fault(
      "invalid_value",
      `${key}: ${error.message}`,
      `Write ${rule.expects}${example && `, e.g. ${example}`}`,
    );
  }
}

/** Faults of the keys that are none of the worker's. */
function foreignFaults({ entries, allowed, lines }: EnvText, file: string): Fault[] {
  const swallowing = allowed.filter(({ prefix }) => KEYS.some((key) => key.startsWith(prefix))).map((
    { line },
  ) => ({
    file,
    line,
    column: 1,
    code: "bad_directive",
    message: "Keys of the worker itself start with this prefix, so mistyped ones would pass",
    remedy: "Allow a longer prefix",
  }));
  const foreign = entries.filter(({ key, line }) => !isKey(key) && lines[line - 1]?.startsWith(`${key}=`));
  return [
    ...swallowing,
    ...foreign.flatMap(({ key, value, line, column }): Fault[] => {
      if (!allowed.some(({ prefix }) => key.startsWith(prefix))) {
        const nearest = suggestKey(key);
        return [{
          file,
          line,
          column: 1,
          code: "unknown_key",
          message: `This key is not known${nearest ? `; the nearest known one is ${nearest}` : ""}`,
          remedy: `${nearest ? `Write ${nearest}, or remove the line` : "Remove the line"}; ` +
            'the keys of another tool are allowed by "# worker: allow PREFIX_"',
        }];
      }
      const other = findAssignment(value, false, new Set());
      return !other ? [] : [{
        file,
        line,
        column: column + other.at,
        code: "holds_assignment",
        message: `The value holds another assignment: ${other.keys[0]}=`,
        remedy: "One line was written over another: write both anew, each on a line of its own",
      }];
    }),
  ];
}

/** Adds to a fault of the reader which settings it is probably about. */
function withHint(fault: Fault, { lines, entries }: EnvText, missing: ReadonlySet<Key>): Fault {
  const line = lines[(fault.line ?? 0) - 1] ?? "";
  const key = entries.find((entry) => entry.line === fault.line)?.key;
  const hinted = { ...fault, ...(key !== undefined && isKey(key) && { key }) };
  const rests = [...missing].filter((key) =>
    rowOf(key).example.length > 5 && line.includes(rowOf(key).example.slice(-5))
  );
  const glued = KEYS.find((key) => /[^=]/.test(line) && line.slice(0, line.indexOf("=")).endsWith(key));
  if (fault.code === "not_an_assignment" && rests.length > 0) {
    return { ...hinted, message: `${fault.message}; it looks like the rest of ${rests.join(" and ")}` };
  }
  if (fault.code === "bad_key" && glued) {
    return {
      ...hinted,
      remedy: `Start the line with ${glued}=; what stands before it is no part of the key`,
    };
  }
  return hinted;
}

/** A file that others may read although it holds a password. */
function permissionFault(file: string, mode: number | null, { entries }: EnvText): Fault | undefined {
  const holdsPassword = entries.some(({ key, value }) =>
    isKey(key) && rowOf(key).secret && secretPart(value) !== ""
  );
  return mode === null || (mode & 0o004) === 0 || !holdsPassword ? undefined : {
    file,
    code: "world_readable",
    message: "Every user of this machine can read the file, and it holds a password",
    remedy: `chmod 600 ${file}`,
  };
}

/** The one fault of a file that cannot be had; none if it was only looked for and is not needed. */
function sourceFaults(fault: Fault, optional: boolean, missing: ReadonlySet<Key>): Fault[] {
  if (fault.code !== "file_missing" || !optional) return [fault];
  return missing.size === 0 ? [] : [{
    ...fault,
    message: `${fault.message}, and the environment does not set ${[...missing].join(", ")}`,
  }];
}

const missingFault = (key: Key, file: string): Fault => ({
  key,
  code: "missing_key",
  message: `${key} is missing from the file and from the environment`,
  remedy: `Add a line to ${file}, e.g. ${key}=${rowOf(key).example}`,
});

/** File first, by line; then the environment, then what is nowhere. */
function inOrder(faults: Fault[], file: string): Fault[] {
  const rank = (fault: Fault) => fault.file === file ? fault.line ?? 0 : fault.file ? 1e6 : 1e7;
  return faults.sort((one, other) => rank(one) - rank(other) || (one.column ?? 0) - (other.column ?? 0));
}

/** Adds to every fault its line, as far as it may be shown. */
function quoteAll(
  faults: Fault[],
  file: string,
  { lines, entries }: EnvText,
  given: readonly Given[],
): Fault[] {
  const secretKeys = KEYS.filter((key) => rowOf(key).secret);
  const broken = secretKeys.filter((key) => faults.some((fault) => fault.key === key));
  const twice = faults.some(({ code }) => code === "duplicate_key");
  const secrets = [
    ...given.filter(({ key }) => rowOf(key).secret).map(({ text }) => secretPart(text)),
    ...entries.filter(({ key }) => mayHoldSecret(key)).map(({ value }) => value),
  ];
  return faults.map((fault) => {
    const text = fault.file === "environment"
      ? given.find(({ key, source }) => key === fault.key && source === "environment")?.text
      : undefined;
    if (text !== undefined) return { ...fault, quoted: quoteLine(`${fault.key}=${text}`, true, secrets) };
    if (fault.file !== file || fault.line === undefined) return fault;
    const own = entries.find(({ line }) => line === fault.line)?.key;
    const whole = !twice && broken.every((key) => key === own);
    return { ...fault, quoted: quoteLine(lines[fault.line - 1] ?? "", whole, secrets) };
  });
}

/** Whether a key that is none of the worker's may be another tool's, or a mistyped one, of a secret. */
function mayHoldSecret(key: string): boolean {
  const nearest = suggestKey(key);
  return !isKey(key) && (nearest === undefined || rowOf(nearest).secret === true);
}
