/** The root file system that the containers start from: a bare Debian with systemd, made once and kept. */

/** What a Debian has that was installed with the least there is, and systemd. */
const PACKAGES = ["systemd", "systemd-sysv", "dbus"];

/** Documentation and translations are half of it and nobody reads them. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"];

/**
 * Makes the folder `$1/$2` with the command after it, one at a time whoever else does the same; what a run that was
 * killed left half made goes away, and so does what an older recipe of the same suite made.
 */
const MAKE = `
cd "$1" && rm -rf --one-file-system -- "\${2%-*}"-* partial &&
name=$2 && shift 2 && "$@" partial >&2 && mv partial "$name"`;

/** The root file system cannot be made. */
export class ImageError extends Error {
  /** Stable code of this fault. */
  readonly code = "image_failed";
  override readonly name = "ImageError";
}

/** What {@linkcode ensureImage} may be told. */
export interface EnsureImageOptions {
  /** Debian's name for the version. @default "bookworm", the oldest that the worker is installed on */
  suite?: string;
  /** Ends it. @default never */
  signal?: AbortSignal;
}

/**
 * The root file system's folder, made with `mmdebstrap` when it is not there (half a minute, 160 MB).
 *
 * @param log gets a line when it is made
 * @throws {ImageError} with what mmdebstrap said
 */
export async function ensureImage(
  log: (line: string) => void,
  { suite = "bookworm", signal }: EnsureImageOptions = {},
): Promise<string> {
  const recipe = [
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    `--include=${PACKAGES.join(",")}`,
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    suite,
  ];
  const cache = `${Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`}/whatsapp-worker-tests`;
  const name = `${suite}-${await digest(recipe.join("\n"))}`;
  if (await exists(`${cache}/${name}`)) return `${cache}/${name}`;

  const startedAt = performance.now();
  log(`making a bare Debian ${suite} for the containers in ${cache}`);
  await Deno.mkdir(cache, { recursive: true });
  const { success, stderr } = await new Deno.Command("flock", {
    args: [`${cache}/lock`, "sh", "-c", `[ -e "$1/$2" ] || { ${MAKE}\n}`, "sh", cache, name, ...recipe],
    ...signal && { signal },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    signal?.throwIfAborted();
    throw new ImageError(`No Debian ${suite} could be made:\n${new TextDecoder().decode(stderr).trimEnd()}`);
  }
  log(`made in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return `${cache}/${name}`;
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 12);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
