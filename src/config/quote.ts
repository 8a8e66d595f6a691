/**
 * What of a line may be shown. A damaged file can hold the rest of a password anywhere, so a line is quoted as it is only while
 * every secret of the file is whole; else it is quoted as far as it is made of words that `.env.example` shows to everybody.
 */
import type { EnvText } from "./env_file.ts";
import type { Fault } from "./fault.ts";
import { isKey, type Key, KEYS, rowOf } from "./settings.ts";
import { suggestKey } from "./suggest.ts";

const MASK = "***";
const MAX_LENGTH = 120;
/** Two texts that share this many characters in a row share a part of a secret, not a coincidence. */
const WINDOW = 4;

const PUBLIC_TEXT = KEYS.map((key) => `${key}\n${rowOf(key).example}`).join("\n");
const PUBLIC_WORDS = new Set(PUBLIC_TEXT.split(/[^A-Za-z0-9]+/));

/** What of a word without blanks is neither a public one, whole or cut, nor stands between such words. */
function privateParts(word: string): string[] {
  const parts = word
    .replace(/[A-Z0-9_]*[A-Z]=/g, (name) => KEYS.some((key) => `${key}=`.endsWith(name)) ? "=" : name)
    .split(/[:/.,=_"'@#-]+/)
    .filter((part) => part !== "");
  return parts.filter((part) =>
    !PUBLIC_WORDS.has(part) && !(part.length >= WINDOW && PUBLIC_TEXT.includes(part))
  );
}

/** Whether a setting's text, or what somebody wrote there by mistake, is not to be shown. */
const isHidden = (key: Key) => rowOf(key).secret === true || rowOf(key).fileOf !== undefined;

const isPublic = (word: string) => privateParts(word).length === 0;

/** The text with every word masked that is not public. */
const publicPart = (text: string) =>
  text.replace(/\S+(\s+\S+)*/g, (run) => maskWords(run, (word) => !isPublic(word)));

const maskWords = (text: string, secret: (word: string) => boolean) =>
  text.replace(/\S+/g, (word) => secret(word) ? MASK : word).replace(/\*{3}(\s+\*{3})+/g, MASK);

/** The secret part of a secret setting: the password of a URL, else all of it. */
export function secretPart(text: string): string {
  return text.includes("://") ? /:\/\/[^:@]*:(.*)@/.exec(text)?.[1] ?? "" : text;
}

/** The secret itself when it is short, else all its parts of {@link WINDOW} characters. */
const windows = (secret: string) =>
  Array.from({ length: Math.max(1, secret.length - WINDOW + 1) }, (_, at) => secret.slice(at, at + WINDOW))
    .filter((part) => part !== "");

/** What is sure of the secrets of a file, apart from one that a line may set itself. */
export type Certainty =
  /** Each stands whole in the file or comes from elsewhere: nothing else can be a part of one. */
  | "whole"
  /** One that need not be given is not: a long word may be what is left of it. */
  | "doubtful"
  /** One is damaged or missing: any word may be a part of it. */
  | "broken";

/** Fewer characters show no more than chance would. */
const FEW = WINDOW + 1;

function showable(text: string, certainty: Certainty): string {
  if (certainty === "whole") return text;
  if (certainty === "broken") return publicPart(text);
  return maskWords(text, (word) => privateParts(word).join("").length >= FEW);
}

/**
 * Quotes a line with its secrets masked and its control characters made visible.
 *
 * @param secrets the secrets that are known: a copy of one, or of a part of it, is masked wherever it stands
 */
export function quoteLine(line: string, certainty: Certainty, secrets: readonly string[]): string {
  const parts = secrets.flatMap(windows);
  const known = (text: string) => maskWords(text, (word) => parts.some((part) => word.includes(part)));
  const show = (text: string) => known(showable(text, certainty));
  const [, name = "", value = ""] = /^([^=]*)=(.*)$/su.exec(line) ?? [];
  const key = isKey(name) ? name : suggestKey(name);
  const left = key === name || suggestKey(name, 2) ? name : publicPart(name);

  let quoted: string;
  if (key === undefined) quoted = known(publicPart(line));
  else if (!isHidden(key)) quoted = `${left}=${show(value)}`;
  else {
    const [, scheme, host] = /^(["']?amqps?:\/\/)[^@]*@([^@]*)$/.exec(value) ?? [];
    quoted = `${left}=${scheme === undefined ? MASK : `${scheme}${MASK}@${show(host ?? "")}`}`;
  }
  const visible = quoted.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
  return visible.length > MAX_LENGTH ? `${visible.slice(0, MAX_LENGTH)}…` : visible;
}

/** Whether a key that is none of the worker's may be another tool's, or a mistyped one, of a secret. */
function mayHoldSecret(key: string): boolean {
  if (isKey(key)) return false;
  const nearest = suggestKey(key);
  return nearest === undefined || isHidden(nearest);
}

/** Adds to every fault its line, as far as it may be shown. `given` are the values of file and environment. */
export function quoteAll(
  faults: readonly Fault[],
  file: string,
  { lines, entries }: EnvText,
  given: readonly { key: Key; text: string; source: string }[],
): Fault[] {
  const isGiven = (key: Key) => given.some((one) => one.key === key);
  const broken = KEYS.filter((key) =>
    rowOf(key).secret && (faults.some((fault) => fault.key === key) || (rowOf(key).required && !isGiven(key)))
  );
  const lost = KEYS.some((key) => rowOf(key).secret && !rowOf(key).required && !isGiven(key));
  const twice = faults.some(({ code }) => code === "duplicate_key");
  const secrets = [
    ...given.filter(({ key }) => rowOf(key).secret).map(({ text }) => secretPart(text)),
    ...entries.filter(({ key }) => mayHoldSecret(key)).map(({ value }) => value),
  ];
  return faults.map((fault) => {
    const text = fault.file === "environment"
      ? given.find(({ key, source }) => key === fault.key && source === "environment")?.text
      : undefined;
    if (text !== undefined) return { ...fault, quoted: quoteLine(`${fault.key}=${text}`, "whole", secrets) };
    if (fault.file !== file || fault.line === undefined) return fault;
    const own = entries.find(({ line }) => line === fault.line)?.key;
    const certainty = twice || broken.some((key) => key !== own) ? "broken" : lost ? "doubtful" : "whole";
    return { ...fault, quoted: quoteLine(lines[fault.line - 1] ?? "", certainty, secrets) };
  });
}
