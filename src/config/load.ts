/** Loads the configuration: process environment over file over default, everything checked, all faults at once. */
import { findAssignment } from "./assignment.ts";
import { type CrossFault, crossFaults } from "./cross_rules.ts";
import { type EnvText, readEnvText } from "./env_file.ts";
import { defaultEnvFile, fetchEnvFile, type ReadFile, readRegularFile } from "./env_source.ts";
import { ConfigError, type Fault } from "./fault.ts";
import type { Given, Source } from "./given.ts";
import { foreignFaults, swallowedFaults, withHint } from "./line_rules.ts";
import { quoteAll, secretPart } from "./quote.ts";
import { Refused } from "./rules.ts";
import { readSecretFiles } from "./secret_files.ts";
import { isKey, type Key, KEYS, rowOf, type Settings } from "./settings.ts";
import { crossWarnings } from "./warnings.ts";

export { ConfigError, type Fault, type Layout, renderFaults } from "./fault.ts";
export { defaultEnvFile } from "./env_source.ts";
export type { Source } from "./given.ts";
export type { Key, Settings } from "./settings.ts";

/** The configuration as the worker runs with it. */
export interface Config {
  settings: Settings;
  /** The file, whether it was there or not. */
  envFile: string;
  /** For every key. `default` also where there is no value at all. */
  sources: ReadonlyMap<Key, Source>;
  /** What is not right but no reason to refuse. */
  warnings: Fault[];
}

/** What {@link loadConfig} reads. */
export interface LoadOptions {
  /**
   * The file, which must exist when it is named.
   * @default see {@link defaultEnvFile}; it may be missing if the environment has everything
   */
  envFile?: string | undefined;
  /** As {@link configuringEnvironment} has it: known keys and proxy variables. */
  environment: Readonly<Record<string, string>>;
  /** @default from the disk */
  readFile?: ReadFile;
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
  const file = envFile ?? await defaultEnvFile(readFile);
  const fetched = await fetchEnvFile(file, readFile);
  const text = fetched.ok ? readEnvText(fetched.content.bytes, file) : NO_TEXT;
  const assigned = givenIn(text, file, environment);
  const secretFiles = await readSecretFiles(assigned, readFile);
  const given = [...assigned, ...secretFiles.given];
  const isGiven = (key: Key) => given.some((one) => one.key === key || rowOf(one.key).fileOf === key);
  const missing = new Set(KEYS.filter((key) => rowOf(key).required && !isGiven(key)));

  const checked = [...given, ...defaultsFor(given)].map((one) => ({
    ...one,
    result: checkValue(one, missing),
  }));
  const chosen = new Map(KEYS.map((key) => [key, checked.find((one) => one.key === key)]));
  const settings = Object.fromEntries(
    [...chosen].map(([key, one]) => [key, one && "value" in one.result ? one.result.value : undefined]),
  ) as Partial<Settings>;

  const permission = fetched.ok ? permissionFault(file, fetched.content.mode, text) : undefined;
  const exposed = [...(permission ? [permission] : []), ...secretFiles.exposed];
  const placed = (fault: CrossFault): Fault => ({ ...chosen.get(fault.key)?.place, ...fault });
  const production = chosen.get("NODE_ENV")?.text === "production";
  const faults: Fault[] = [
    ...(fetched.ok ? [] : sourceFaults(fetched.fault, envFile === undefined, missing)),
    ...(production ? exposed : []),
    ...secretFiles.faults,
    ...text.faults.map((fault) => withHint(fault, text, missing)),
    ...foreignFaults(text, file),
    ...swallowedFaults(text, file),
    ...checked.flatMap(({ result }) => "fault" in result ? [result.fault] : []),
    ...crossFaults(settings, environment).map(placed),
    ...(fetched.ok ? [...missing].map((key) => missingFault(key, file)) : []),
  ];
  if (faults.length > 0) throw new ConfigError(quoteAll(inOrder(faults, file), file, text, given));
  const complete = settings as Settings;
  return {
    settings: complete,
    sources: new Map(KEYS.map((key) => [key, chosen.get(key)?.source ?? "default"])),
    envFile: file,
    warnings: [...exposed, ...crossWarnings(complete, isGiven).map(placed)],
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
