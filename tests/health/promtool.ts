/** Prometheus' own opinion of metrics and rules. */

import { ensurePrograms } from "../debian.ts";

/** Why there is no {@link promtool} here; `undefined` when there is. */
export const noPromtool = await ensurePrograms({ promtool: "prometheus" }, { log: console.error });
if (noPromtool !== undefined) console.error(`promtool is not asked: ${noPromtool}`);

/** What `promtool` objects to; nothing when all is well. */
export async function promtool(args: string[], input = ""): Promise<string> {
  const command = new Deno.Command("promtool", { args, stdin: "piped", stdout: "piped", stderr: "piped" });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return success ? "" : text.decode(stdout) + text.decode(stderr);
}
