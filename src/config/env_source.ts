/** Fetches the `.env` file and those it names, or says why they cannot be had. */
import type { Fault } from "./fault.ts";

/** Where the settings are looked for when no file is named: the first of them that is there. */
const WORKING_ENV_FILE = "./.env";
const INSTALLED_ENV_FILE = "/etc/whatsapp-worker/worker.env";

/** No `.env` of people is larger; what is, is another file. */
const MAX_BYTES = 64 * 1024;

/** A file as it was found. */
export interface FileContent {
  /** In bytes. */
  size: number;
  /** Permission bits, `null` where the system has none. */
  mode: number | null;
  /** Empty when the file is too large to be read at all. */
  bytes: Uint8Array;
}

/** A folder on the way to a file may not be entered: whether the file is there cannot be seen. */
export class FolderClosed extends Error {
  override readonly name = "FolderClosed";
}

/** Reads a file. Throws an `Error` whose name says why: {@link FolderClosed} or Deno's, `NotFound`, `PermissionDenied`, … */
export type ReadFile = (path: string) => Promise<FileContent>;

/** Reads a regular file; looks before it reads, so that a pipe, a device or a huge file does no harm. */
export const readRegularFile: ReadFile = async (path) => {
  const { isFile, mode, size } = await Deno.stat(path).catch((error) => {
    throw error instanceof Deno.errors.PermissionDenied ? new FolderClosed(error.message) : error;
  });
  if (!isFile) throw new Deno.errors.IsADirectory("Not a regular file");
  return { size, mode, bytes: size > MAX_BYTES ? new Uint8Array() : await Deno.readFile(path) };
};

/**
 * The file to read the settings from when none is named: `./.env`, or the installed one where only that is there, or
 * can be seen: whoever becomes the service's user in root's home may not enter the folder they are in.
 */
export async function defaultEnvFile(
  readFile: ReadFile = readRegularFile,
  installed: string = INSTALLED_ENV_FILE,
): Promise<string> {
  const faultOf = async (path: string) => {
    const fetched = await fetchEnvFile(path, readFile);
    return fetched.ok ? undefined : fetched.fault.code;
  };
  const isUnseen = ["file_missing", "folder_closed"].includes(await faultOf(WORKING_ENV_FILE) ?? "");
  return isUnseen && await faultOf(installed) !== "file_missing" ? installed : WORKING_ENV_FILE;
}

/** What to do about a file, in the imperative. */
export interface FileRemedies {
  /** When it is not there. */
  readonly missing: string;
  /** When it cannot be the file that is meant. */
  readonly another: string;
}

/** As {@link fetchFile}, of the `.env`. */
export const fetchEnvFile = (path: string, readFile: ReadFile) =>
  fetchFile(path, readFile, {
    missing: `Copy .env.example to ${path} and fill it in`,
    another: "Name the .env file itself",
  });

/** The file's content, or the one fault that keeps it from being read. */
export async function fetchFile(
  path: string,
  readFile: ReadFile,
  { missing, another }: FileRemedies,
): Promise<{ ok: true; content: FileContent } | { ok: false; fault: Fault }> {
  const refused = (code: string, message: string, remedy: string) => (
    { ok: false as const, fault: { code, file: path, message, remedy } }
  );
  try {
    const content = await readFile(path);
    return content.size <= MAX_BYTES ? { ok: true, content } : refused(
      "file_too_large",
      `The file has ${content.size} bytes, more than ${MAX_BYTES}`,
      another,
    );
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    switch (name) {
      case "NotFound":
        return refused(
          "file_missing",
          "There is no such file",
          missing,
        );
      case "FolderClosed":
        return refused(
          "folder_closed",
          "A folder on the way to it does not let this user in",
          `Run it as root or the worker's user, from a folder they may enter; see: namei -l ${path}`,
        );
      case "IsADirectory":
        return refused(
          "not_a_file",
          "This is a folder or a device, not a regular file",
          another,
        );
      default:
        return refused(
          "file_unreadable",
          `The file cannot be read (${name})`,
          "Make the worker's user its owner: chown USER FILE && chmod 600 FILE",
        );
    }
  }
}
