import { BuildError } from "./build_error.ts";

/** How a program is run. */
export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** @default as long as it takes */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to standard output
 * @throws {BuildError} `program_missing`, `program_failed` (with what it wrote to standard error)
 */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs }: ProgramOptions,
): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", LC_ALL: "C", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
  });
  const text = new TextDecoder();
  try {
    const { success, code, signal, stdout, stderr } = await command.output();
    if (success) return text.decode(stdout);
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
    throw new BuildError(
      "program_failed",
      `${program} ${args[0]} ${how}`,
      text.decode(stderr).trim() || "It said nothing",
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BuildError("program_missing", `There is no program '${program}'`, "Install it and build again");
  }
}
