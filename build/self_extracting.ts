import { createHash } from "node:crypto";
import { join } from "node:path";
import { PERMISSION_FLAGS } from "./permissions.ts";
import { run } from "./programs.ts";
import { VERSION } from "../src/version.ts";

/** Sorted, of nobody and of no time, so that the same files are the same archive. */
const REPRODUCIBLE = [
  "--format=ustar",
  "--sort=name",
  "--mtime=@0",
  "--owner=0",
  "--group=0",
  "--numeric-owner",
  "--mode=a=rX,u+w",
  // With neither a name nor a time in it.
  "--use-compress-program=gzip -n",
];

/**
 * Puts a shell script (`stub.sh`) before a compressed archive of this very Deno and the program.
 *
 * @param app text of the bundled program
 * @param folder where to work
 * @returns the file's bytes: the same app makes the same bytes
 */
export async function selfExtracting(app: string, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const contents = join(folder, "contents");
  await Deno.mkdir(contents);
  await Deno.copyFile(Deno.execPath(), join(contents, "deno"));
  await Deno.writeTextFile(join(contents, "app.mjs"), app);
  await Deno.chmod(join(contents, "deno"), 0o755);
  const names = ["deno", "app.mjs"];
  const archive = join(folder, "contents.tar.gz");
  await run("tar", [...REPRODUCIBLE, "-cf", archive, ...names], { cwd: contents });
  const payload = await Deno.readFile(archive);
  const sizes = names.map((name) => Deno.statSync(join(contents, name)).size);
  const stub = await makeStub(payload, sizes);
  const file = new Uint8Array(stub.length + payload.length);
  file.set(stub);
  file.set(payload, stub.length);
  return file;
}

async function makeStub(payload: Uint8Array, sizes: readonly number[]): Promise<Uint8Array> {
  const template = await Deno.readTextFile(new URL("stub.sh", import.meta.url));
  const text = template
    .replace("@VERSION@", VERSION)
    .replace("@SHA256@", createHash("sha256").update(payload).digest("hex"))
    .replace("@SIZES@", sizes.join("\n"))
    .replace("@PERMISSIONS@", PERMISSION_FLAGS.join(" "));
  const { length } = new TextEncoder().encode(text);
  // Counted from one, and in as many characters as the place holder has, so that the length stays what it is.
  const inPlace = (holder: string, number: number) =>
    [holder, String(number).padStart(holder.length)] as const;
  return new TextEncoder().encode(
    text
      .replace(...inPlace("@STARTS_AT@", length + 1))
      .replace(...inPlace("@FILE_SIZE@", length + payload.length)),
  );
}
