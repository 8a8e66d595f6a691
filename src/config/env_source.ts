/** Fetches the `.env` file, or says why it cannot be had. */
import type { Fault } from "./fault.ts";

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

/** Reads a file. Throws an `Error` whose name says why it cannot, as Deno's do: `NotFound`, `PermissionDenied`, … */
export type ReadFile = (path: string) => Promise<FileContent>;

/** Reads a regular file; looks before it reads, so that a pipe, a device or a huge file does no harm. */
export const readRegularFile: ReadFile = async (path) => {
  const { isFile, mode, size } = await Deno.stat(path);
  if (!isFile) throw new Deno.errors.IsADirectory("Not a regular file");
  return { size, mode, bytes: size > MAX_BYTES ? new Uint8Array() : await Deno.readFile(path) };
};

/** The file's content, or the one fault that keeps it from being read. */
export async function fetchEnvFile(
  path: string,
  readFile: ReadFile,
): Promise<{ ok: true; content: FileContent } | { ok: false; fault: Fault }> {
  const refused = (code: string, message: string, remedy: string) => (
    { ok: false as const, fault: { code, file: path, message, remedy } }
  );
  try {
    const content = await readFile(path);
    return content.size <= MAX_BYTES ? { ok: true, content } : refused(
      "file_too_large",
      `The file has ${content.size} bytes, more than ${MAX_BYTES}`,
      "Name the .env file itself; this is another one",
    );
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    switch (name) {
      case "NotFound":
        return refused(
          "file_missing",
          "There is no such file",
          `Copy .env.example to ${path} and fill it in`,
        );
      case "IsADirectory":
        return refused(
          "not_a_file",
          "This is a folder or a device, not a regular file",
          "Name the .env file itself",
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
