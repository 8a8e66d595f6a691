/** How much damage to a file can slip through: what is accepted must mean exactly the same settings. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { secretPart } from "../../src/config/quote.ts";
import { ConfigError } from "../../src/config/load.ts";
import { isKey, rowOf } from "../../src/config/settings.ts";
import { envFiles } from "./arbitraries.ts";
import { type Damaged, damaged } from "./damage.ts";
import { load } from "./files.ts";

const SEED = 20_251_123;

/** A file's assignments as they stand, without judging them: key → value with its quotes. */
const assignments = (text: string) =>
  [...text.matchAll(/^(?!\s*#)([^=\r\n]*)=(.*?)\r?$/gm)].map(([, key = "", value = ""]) => ({ key, value }));

/** What damage inside one value leaves alone: keys, the quotes round values, and the number of assignments. */
const frame = (text: string) =>
  assignments(text).map(({ key, value }) => `${key}=${/^["'`]/.exec(value)}${/["'`]$/.exec(value)}`).sort()
    .join("\n");

/** Whether a damaged file was refused, means the same, or runs with other settings than the ones meant. */
async function outcome({ text, bytes }: Damaged): Promise<"refused" | "same" | "slipped"> {
  const { settings } = await load(text);
  try {
    return isDeepStrictEqual((await load(bytes)).settings, settings) ? "same" : "slipped";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assertNoLeak(error, text);
    return "refused";
  }
}

/** No five characters in a row of a secret of the file may appear in what is said of it. */
function assertNoLeak(error: ConfigError, text: string) {
  const said = error.message + JSON.stringify(error.faults);
  for (const { key, value } of assignments(text)) {
    const hidden = isKey(key) && rowOf(key).secret ? secretPart(value.replace(/^["']|["']$/g, "")) : "";
    for (let at = 0; at + 5 <= hidden.length; at++) {
      assert.ok(!said.includes(hidden.slice(at, at + 5)), `${hidden} shows in:\n${said}`);
    }
  }
}

/** How often something slipped through, of how often it was tried. */
class Tally {
  readonly #counts = new Map<string, { tried: number; slipped: number }>();

  add(name: string, slipped: boolean) {
    const { tried, slipped: before } = this.#counts.get(name) ?? { tried: 0, slipped: 0 };
    this.#counts.set(name, { tried: tried + 1, slipped: before + Number(slipped) });
  }

  get tried(): number {
    return this.#counts.values().reduce((sum, { tried }) => sum + tried, 0);
  }

  get share(): number {
    return this.#counts.values().reduce((sum, { slipped }) => sum + slipped, 0) / this.tried;
  }

  print(title: string) {
    console.log(`${title} ${(100 * this.share).toFixed(3)} % of ${this.tried}`);
    for (const [name, { tried, slipped }] of [...this.#counts].sort()) {
      console.log(
        `  ${name.padEnd(36)}${`${slipped} of ${tried}`.padStart(14)}${
          (100 * slipped / tried).toFixed(2).padStart(8)
        } %`,
      );
    }
  }
}

/** Damages `numRuns` files; `slips` are those that ran with other settings though a key, a quote or the number changed. */
async function mutate(files: fc.Arbitrary<string>, numRuns: number) {
  const structural = new Tally(), perSetting = new Tally();
  const slips: string[] = [];
  for (const sample of fc.sample(damaged(files), { seed: SEED, numRuns })) {
    const result = await outcome(sample);
    const after = new TextDecoder().decode(sample.bytes);
    if (frame(after) !== frame(sample.text)) {
      structural.add(sample.kind, result === "slipped");
      if (result === "slipped") slips.push(`${sample.kind}:\n${sample.text}\n→\n${after}`);
      continue;
    }
    const values = new Map(assignments(after).map(({ key, value }) => [key, value]));
    for (const { key, value } of assignments(sample.text)) {
      if (values.get(key) !== value) perSetting.add(key, result === "slipped");
    }
  }
  return { structural, perSetting, slips };
}

Deno.test("loadConfig() lets less than 0.1 % of damage to keys, quotes and their number change the settings", async () => {
  const required = envFiles({ optional: false, declared: false });
  const declared = envFiles({ optional: true, declared: true });
  const { structural, perSetting, slips } = await mutate(fc.oneof(required, declared), 8_000);
  structural.print("Damage to a key, a quote or the number of assignments that changed the settings unseen:");
  perSetting.print("Damage inside one value that changed it unseen:");
  assert.ok(structural.share < 0.001, slips.slice(0, 3).join("\n\n"));
});

Deno.test("loadConfig() cannot see that an optional line was lost where the file does not declare its settings", async () => {
  const { structural } = await mutate(envFiles({ optional: true, declared: false }), 1_500);
  structural.print('The same with optional settings, but without "# worker: settings N":');
  assert.ok(structural.share < 0.1);
});
