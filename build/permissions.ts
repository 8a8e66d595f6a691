/**
 * What the worker may do, wherever it runs: `deno task start`, the compiled file and the self-extracting one.
 *
 *     deno run --allow-read --allow-write=deno.json build/permissions.ts    # writes the start task anew
 *
 * Flags are fixed when the file is built, and targets are configuration: what is open here the systemd unit narrows.
 */
import { CONFIGURING_VARIABLES, SUPERVISING_VARIABLES } from "../src/config/environment.ts";

/** A permission, as a flag of `deno run` and `deno compile`, and why the worker has it. */
export interface Permission {
  readonly flag: string;
  readonly reason: string;
}

/** Every permission. What is not named is denied without a question: other programs, native libraries. */
export const PERMISSIONS: readonly Permission[] = [
  {
    flag: "--allow-net",
    reason: "broker, WhatsApp and the addresses to listen on are settings, and a host may have any address",
  },
  {
    flag: "--allow-read",
    reason:
      "settings file, state folder, certificates and credentials are settings; --check looks at the machine",
  },
  {
    flag: "--allow-write",
    reason: "the state folder is a setting; systemd's socket is written to wherever it says it is",
  },
  {
    flag: `--allow-env=${[...CONFIGURING_VARIABLES, ...SUPERVISING_VARIABLES].sort().join(",")}`,
    reason: "the settings, proxies, and what systemd hands over",
  },
  {
    flag: "--ignore-env",
    reason:
      "dependencies ask for others (CI, TERM, WS_NO_BUFFER_UTIL, …): those do not exist, instead of a throw",
  },
  {
    flag: "--allow-sys=hostname,statfs,systemMemoryInfo,uid",
    reason:
      "pino asks for the host's name when it is loaded; --check for free space, memory, and whose the files are",
  },
  {
    flag: "--deny-import",
    reason: "all of the program is in it: by default, Deno would take code from seven hosts",
  },
  {
    flag: "--unstable-net",
    reason: "systemd is told how the worker is over a Unix datagram socket",
  },
];

/** Those of `deno run` and `deno compile` alike. */
export const PERMISSION_FLAGS: readonly string[] = ["--no-prompt", ...PERMISSIONS.map(({ flag }) => flag)];

/** The command of the `start` task in deno.json. */
export const START_COMMAND = `deno run ${PERMISSION_FLAGS.join(" ")} main.ts`;

if (import.meta.main) {
  const text = await Deno.readTextFile("deno.json");
  await Deno.writeTextFile(
    "deno.json",
    text.replace(/"command": "deno run [^"]* main\.ts"/, `"command": ${JSON.stringify(START_COMMAND)}`),
  );
}
