/** Values that stand in a file of their own instead of in the `.env`. */
import { accepts } from "./assignment.ts";
import { fetchFile, type FileContent, type ReadFile } from "./env_source.ts";
import type { Fault } from "./fault.ts";
import type { Given } from "./given.ts";
import { KEYS, rowOf, type SecretKey } from "./settings.ts";

/** What the files hold, and what is wrong with them. Nothing that is said of them repeats their content. */
export interface SecretFiles {
  given: Given[];
  faults: Fault[];
  /** Files that every user of the machine can read. */
  exposed: Fault[];
}

/** Reads the files that `given` names. A relative one is looked for in the working directory. */
export async function readSecretFiles(given: readonly Given[], readFile: ReadFile): Promise<SecretFiles> {
  const results = await Promise.all(KEYS.map(async (fileKey): Promise<Partial<SecretFiles>> => {
    const key = rowOf(fileKey).fileOf;
    const named = given.find((one) => one.key === fileKey);
    // A path that is none is a fault of its own already.
    if (key === undefined || named === undefined || !accepts(fileKey, named.text)) return {};
    if (given.some((one) => one.key === key)) return { faults: [givenTwice(named, key)] };
    const path = named.text;
    const fetched = await fetchFile(path, readFile, {
      missing: `Write the value of ${key} into ${path}, or name the file that holds it`,
      another: `Name the file that holds ${key} and nothing else`,
    });
    return fetched.ok
      ? secretIn(fetched.content, path, key)
      : { faults: [{ ...fetched.fault, key: fileKey }] };
  }));
  return {
    given: results.flatMap(({ given = [] }) => given),
    faults: results.flatMap(({ faults = [] }) => faults),
    exposed: results.flatMap(({ exposed = [] }) => exposed),
  };
}

function givenTwice({ key: fileKey, place }: Given, key: SecretKey): Fault {
  return {
    ...place,
    key: fileKey,
    code: "given_twice",
    message: `${key} and ${fileKey} are both given, and only one of them can count`,
    remedy: `Remove ${key} (also an empty one) or ${fileKey}`,
  };
}

function secretIn({ bytes, mode }: FileContent, path: string, key: SecretKey): Partial<SecretFiles> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, "");
  const fault = (code: string, message: string, remedy: string): Fault => ({
    file: path,
    key,
    code,
    message,
    remedy,
  });
  const faults = text === ""
    ? [fault("empty_file", "The file is empty", `Write the value of ${key} into it`)]
    : /[\r\n]/.test(text)
    ? [
      fault(
        "several_lines",
        "The file has more than one line",
        `Leave the value of ${key} in it, on one line`,
      ),
    ]
    : text.startsWith(`${key}=`)
    ? [fault("not_only_value", "The file holds more than the value", `Take the ${key}= at its start away`)]
    : [];
  const exposed = mode !== null && (mode & 0o004) !== 0
    ? [fault("world_readable", "Every user of this machine can read the file", `chmod o-rwx ${path}`)]
    : [];
  const given: Given[] = faults.length > 0
    ? []
    : [{ key, text, source: "secret file", place: { file: path } }];
  return { given, faults, exposed };
}
