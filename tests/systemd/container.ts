/**
 * A machine of the tests' own: a bare Debian that boots its systemd under systemd-nspawn.
 *
 * Its disk is in memory, over an image that stays as it is ({@linkcode ensureImage}); it boots in half a second. It has
 * the network of the process that starts it, which is to have a private one: what listens on that process's loopback,
 * the broker and the WhatsApp stand-in, is reached inside as on one host, and nothing else is.
 */

import { basename } from "node:path";

/** What a command said, and how it ended. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  /** Added to an environment of `PATH` and `HOME` alone. @default nothing */
  env?: Readonly<Record<string, string>>;
  /** @default nothing */
  stdin?: string;
  /** After this long it is killed. @default 60_000 */
  timeoutMs?: number;
}

/** The container did not do what it was told. */
export class ContainerError extends Error {
  override readonly name = "ContainerError";
  constructor(
    /** `boot_failed`, `ended`, `command_failed` or `command_timeout` */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Prepares a disk and a control group in a mount namespace of its own, with which the disk vanishes.
 *
 * The control group is a container's own, because nspawn leaves in the one it is started in what would be in the way
 * of the next.
 */
const PREPARE = `
image=$1 folder=$2 disk=$2/disk name=\${2##*/}
mkdir "$disk"
mount -t tmpfs -o mode=755,size=75% tmpfs "$disk" &&
mkdir "$disk/upper" "$disk/work" "$disk/root" &&
mount -t overlay -o "lowerdir=$image,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/root" || exit
hierarchy=/sys/fs/cgroup/unified
[ -e $hierarchy/cgroup.procs ] || hierarchy=/sys/fs/cgroup
group=$(sed -n s/^0:://p /proc/self/cgroup)/$name
mkdir "$hierarchy/$group" || exit

nspawn() {
  sh -c 'echo $$ >"$0/cgroup.procs" && exec setpriv --pdeathsig TERM "$@"' "$hierarchy/$group" \\
    systemd-nspawn --quiet --register=no --keep-unit --link-journal=no --resolv-conf=off --timezone=off \\
    --console=pipe --machine="$name" --hostname=worker-test --directory="$disk/root" "$@"
}

clean_up() {
  umount -R "$disk"
  for hierarchy in "$hierarchy" /sys/fs/cgroup/systemd; do
    [ ! -d "$hierarchy/$group" ] || find "$hierarchy/$group" -depth -type d -exec rmdir {} +
  done
  rm -rf --one-file-system -- "$folder" "/run/systemd/nspawn/propagate/$name"
}
`;

/** Everything that the kernel has to let a container do, but for its boot. */
const TRIAL = `${PREPARE}
nspawn /bin/true
code=$?
clean_up
exit $code
`;

/**
 * Runs the container and takes it away. It powers the container off when nobody holds its standard input any more, so
 * also when the tests are killed. A second SIGTERM makes nspawn end a container that does not; nspawn itself is never
 * killed, as it would leave the container behind.
 */
const GUARDIAN = `${PREPARE}
trap : HUP INT TERM
# 133 asks to be started again: the container is rebooting.
(while nspawn --boot; [ $? -eq 133 ]; do :; done) </dev/null >"$folder/console" 2>&1 &
supervisor=$!

while read -r _; do :; done
power_off() { kill -TERM $(cat /proc/$supervisor/task/$supervisor/children); } 2>/dev/null
power_off
tenths=0
while [ -e /proc/$supervisor/exe ] && [ $((tenths += 1)) -lt 100 ]; do sleep 0.1; done
power_off
wait $supervisor
clean_up
`;

/** Why no container can be started here, in the words of what failed; `undefined` when one can. */
export async function whyNoContainer(image: string): Promise<string | undefined> {
  const folder = await makeFolder();
  const { success, stderr } = await inMountNamespace(TRIAL, image, folder, {
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return undefined;
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  return new TextDecoder().decode(stderr).trim().split("\n").at(-1) || "it did not say why";
}

function makeFolder(): Promise<string> {
  return Deno.makeTempDir({ prefix: "whatsapp-worker-container-" });
}

function inMountNamespace(
  script: string,
  image: string,
  folder: string,
  streams: Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr">,
): Deno.Command {
  return new Deno.Command("unshare", {
    args: ["--mount", "--propagation=private", "/bin/sh", "-c", script, "container", image, folder],
    // Deno kills its other children when the module that started them is done.
    detached: true,
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
    cwd: "/",
    ...streams,
  });
}

/** Boots a container from an image and returns when it takes commands. */
export async function startContainer(image: string): Promise<Container> {
  const folder = await makeFolder();
  const streams = { stdin: "piped", stdout: "null", stderr: "inherit" } as const;
  const guardian = inMountNamespace(GUARDIAN, image, folder, streams).spawn();
  const container = new Container(guardian, folder);
  try {
    await container.booted();
  } catch (error) {
    await container.stop();
    throw error;
  }
  return container;
}

/** A running container; see {@linkcode startContainer}. */
export class Container implements AsyncDisposable {
  readonly #guardian: Deno.ChildProcess;
  readonly #folder: string;
  #leader = 0;
  #stopping: Promise<void> | undefined;

  constructor(guardian: Deno.ChildProcess, folder: string) {
    this.#guardian = guardian;
    this.#folder = folder;
  }

  /** Its name, which is also that of its folder and its control group here. */
  get name(): string {
    return basename(this.#folder);
  }

  /** Runs a command inside, as root. @throws {ContainerError} `command_timeout` */
  async run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const { env = {}, stdin = "", timeoutMs = 60_000 } = options;
    // Inside, where its end is the end of what it runs.
    const limited = ["timeout", "--kill-after=1", `${timeoutMs / 1000}`, ...command];
    const child = new Deno.Command("nsenter", {
      args: [`--target=${this.#leader}`, "--all", "--", ...limited],
      clearEnv: true,
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const fed = feed(child.stdin, stdin);
    const { code, stdout, stderr } = await child.output();
    await fed;
    const text = new TextDecoder();
    const result = { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
    if (code !== 124 && code !== 137) return result;
    throw new ContainerError("command_timeout", `${told(command)} took ${timeoutMs} ms: ${said(result)}`);
  }

  /** Runs a command that must succeed. @returns its standard output @throws {ContainerError} `command_failed` */
  async do(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(command, options);
    if (result.code === 0) return result.stdout;
    throw new ContainerError("command_failed", `${told(command)} ended with ${result.code}: ${said(result)}`);
  }

  /** Writes a file inside, with its folders. */
  async write(path: string, content: string | Uint8Array, mode: number = 0o644): Promise<void> {
    const inside = `/proc/${this.#leader}/root${path}`;
    await Deno.mkdir(inside.slice(0, inside.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(inside, content);
    else await Deno.writeFile(inside, content);
    await Deno.chmod(inside, mode);
  }

  /** Copies a file of this machine into the container. */
  async copyIn(file: string, path: string, mode: number = 0o755): Promise<void> {
    await this.write(path, await Deno.readFile(file), mode);
  }

  /** Reads a file inside. */
  async read(path: string): Promise<string> {
    return await this.do(["cat", path]);
  }

  /** Reboots it, as `systemctl reboot` does, and returns when it is up again. The disk stays as it is. */
  async reboot(): Promise<void> {
    const before = this.#leader;
    await this.do(["systemctl", "reboot"]);
    await until("the container has gone down", () => this.#findLeader() !== before, 60_000);
    await this.booted();
  }

  /** Resolves when it takes commands; services may still be starting. */
  async booted(): Promise<void> {
    await until("the container boots", () => {
      if (this.#ended()) {
        throw new ContainerError("boot_failed", `The container did not boot:\n${this.console()}`);
      }
      return (this.#leader = this.#findLeader()) > 0;
    }, 60_000);
    // Before systemd listens, systemctl fails at once.
    const isUp = ["systemctl", "is-active", "--quiet", "basic.target"];
    await until("systemd answers", async () => (await this.run(isUp)).code === 0, 60_000);
  }

  /** What has been printed on its console, for errors. */
  console(): string {
    return Deno.readTextFileSync(`${this.#folder}/console`);
  }

  /** Powers it off and removes it. Any number of times. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#guardian.stdin.close().then(() => this.#guardian.status).then(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The process id here of the container's init; 0 while there is none. */
  #findLeader(): number {
    const supervisors = childrenOf(this.#guardian.pid).flatMap(childrenOf);
    return supervisors.filter((pid) => nameOf(pid) === "systemd-nspawn").flatMap(childrenOf).find(isInit) ??
      0;
  }

  #ended(): boolean {
    return nameOf(this.#guardian.pid) === "";
  }
}

/** Polls until it is so. @throws {ContainerError} `ended`, when it is not within that time */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await isSo()) {
    if (performance.now() > deadline) {
      throw new ContainerError("ended", `Not within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A program that ends without reading what it is given is no fault of the test's. */
async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  try {
    await new Blob([text]).stream().pipeTo(stream);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function told(command: readonly string[]): string {
  return `\`${command.join(" ")}\``;
}

function said({ stdout, stderr }: CommandResult): string {
  return [stdout, stderr].map((text) => text.trim()).filter(Boolean).join("\n") || "(nothing said)";
}

function childrenOf(pid: number): number[] {
  return contentOf(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

/** The program's name; empty when there is no such process. */
function nameOf(pid: number): string {
  return contentOf(`/proc/${pid}/comm`).trim();
}

/** Whether a process, seen from its own namespace, is the first. */
function isInit(pid: number): boolean {
  return /^NSpid:.*\s1$/m.test(contentOf(`/proc/${pid}/status`)) && nameOf(pid) === "systemd";
}

function contentOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|os error 3\b/.test(String(error))) return "";
    throw error;
  }
}
