import { KEYS } from "./settings.ts";

/** Where proxies are named: a root key of one's own is refused beside them. */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/** The variables that configure the worker: its settings, and what must not stand beside some of them. */
export const CONFIGURING_VARIABLES: readonly string[] = [...KEYS, ...PROXIES];

/** The part of the process environment that configures the worker, asked by name: it may see no other variable. */
export function configuringEnvironment(): Record<string, string> {
  return Object.fromEntries(CONFIGURING_VARIABLES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
