import { BuildError } from "./build_error.ts";

/** What Deno this project is built with: the file has that one in it, so that the same source is the same file. */
export const DENO_VERSION = "2.9.6";

/** @throws {BuildError} `platform_unsupported`, `deno_unsupported` */
export function assertCanBuildHere(
  target: string = Deno.build.target,
  version: string = Deno.version.deno,
): void {
  if (target !== "x86_64-unknown-linux-gnu") {
    throw new BuildError(
      "platform_unsupported",
      `The worker is built on x86-64 Linux with glibc, and for it; this is ${target}`,
      "Build it on such a machine, e.g. with Debian 12",
    );
  }
  if (version !== DENO_VERSION) {
    throw new BuildError(
      "deno_unsupported",
      `The worker is built with Deno ${DENO_VERSION}, and this is ${version}`,
      `Type: npx --yes deno@${DENO_VERSION} task build`,
    );
  }
}
