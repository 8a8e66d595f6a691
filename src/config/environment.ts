import { KEYS } from "./settings.ts";

/** Where proxies are named: a root key of one's own is refused beside them. */
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/** The variables that configure the worker: its settings, and what must not stand beside some of them. */
export const CONFIGURING_VARIABLES: readonly string[] = [...KEYS, ...PROXIES];

/** The variables in which systemd says how it watches over a service, and where its output goes. */
export const SUPERVISING_VARIABLES = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "JOURNAL_STREAM",
] as const;

/** What of {@link SUPERVISING_VARIABLES} is set. */
export type SupervisingEnvironment = Partial<Record<typeof SUPERVISING_VARIABLES[number], string>>;

/** The part of the process environment that says who watches over it, asked by name. */
export function supervisingEnvironment(): SupervisingEnvironment {
  return Object.fromEntries(SUPERVISING_VARIABLES.map((name) => [name, Deno.env.get(name)]));
}

/** The part of the process environment that configures the worker, asked by name: it may see no other variable. */
export function configuringEnvironment(): Record<string, string> {
  return Object.fromEntries(CONFIGURING_VARIABLES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
