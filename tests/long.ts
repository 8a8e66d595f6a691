/**
 * What takes too long for `deno task test`, one part after the other: `deno task test:long`, or some of the parts by name.
 * The exit code is 1 when one has failed; the others are run all the same.
 */

/** A task of its own, with what makes it long. */
interface Part {
  readonly task: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const torture = (seed: string): Part => ({ task: ["torture", "--minutes", "5", "--seed", seed] });
const test = (file: string, environment: Part["environment"] = {}): Part => ({
  task: ["test", `tests/${file}`],
  environment,
});

const PARTS: Readonly<Record<string, Part>> = {
  "1000 signatures by two libraries": test("whatsapp/socket/xeddsa_test.ts", { SIGNATURES: "1000" }),
  "1000 connections that come and go": test("memory/connect_close_test.ts", { CONNECT_CYCLES: "1000" }),
  "3000 contacts on one connection": test("memory/many_contacts_test.ts", { MANY_CONTACTS: "3000" }),
  "200 kills while messages come in": test("faults/kill_inbound_test.ts", { INBOUND_KILLS: "200" }),
  "torture, seed ebb": torture("ebb"),
  "torture, seed flood": torture("flood"),
  "torture, seed slack": torture("slack"),
};

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((word) => !Object.keys(PARTS).some((name) => name.includes(word)));
  if (unknown.length > 0) {
    console.error(`Cannot find ${unknown.join(", ")} among:\n  ${Object.keys(PARTS).join("\n  ")}`);
    return 64;
  }
  const results: string[] = [];
  let failed = 0;
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
    console.log(`\n${name} …`);
    const startedAt = performance.now();
    const ok = await run(part);
    if (!ok) failed++;
    const seconds = (performance.now() - startedAt) / 1000;
    results.push(`${ok ? "ok    " : "FAILED"} ${seconds.toFixed(0).padStart(5)} s  ${name}`);
  }
  console.log(`\n${results.join("\n")}`);
  return failed === 0 ? 0 : 1;
}

async function run({ task, environment = {} }: Part): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", ...task],
    env: environment,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).success;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
