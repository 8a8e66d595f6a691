/** What the tests in this folder are handed by the program that runs them (`main.ts`). */

/** Names the site, as JSON, to the tests; without it they are skipped. */
export const SITE_VARIABLE = "SYSTEMD_TEST_SITE";

/** What a container is made from. */
export interface Site {
  /** The root file system: {@linkcode ensureImage}'s. */
  readonly image: string;
  /** The built worker, one file. */
  readonly worker: string;
}

/** A test that is given the site; skipped where there is none, as in a plain `deno test`. */
export function siteTest(name: string, fn: (site: Site, t: Deno.TestContext) => Promise<void>): void {
  const text = Deno.env.get(SITE_VARIABLE);
  const site = text === undefined ? undefined : JSON.parse(text) as Site;
  Deno.test({ name, ignore: site === undefined, fn: async (t) => await fn(site!, t) });
}
