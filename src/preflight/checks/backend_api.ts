import type { Settings } from "../../config/load.ts";
import { EXIT } from "../../exit_codes.ts";
import {
  atMostWarning,
  type Check,
  type Finding,
  isTimeout,
  messageOf,
  ok,
  type Outcome,
  warning,
} from "../check.ts";
import { endpointOf } from "../endpoint.ts";
import { reach } from "../network.ts";
import { configuration } from "./configuration.ts";

/** The backend's API: in reach, answering, and the key taken. Only media with a relative mediaUrl need it, so that nothing of it fails. */
export const backendApi: Check = {
  id: "backend.api",
  title: "Backend API",
  why: "Media whose mediaUrl has no host are fetched from it; all else does without",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration],
  async run(probe): Promise<Outcome<unknown>> {
    const settings = probe.valueOf(configuration);
    const endpoint = endpointOf(settings.BACKEND_API_URL, {
      service: "the backend",
      setting: "BACKEND_API_URL",
      ports: { "http:": 80, "https:": 443 },
    });
    const { findings, value } = await reach(endpoint, probe.signal);
    const answers = value === undefined ? [] : [await ask(settings, probe.signal)];
    return { findings: [...findings, ...answers].map(atMostWarning) };
  },
};

const REFUSALS = [401, 403];

/** Asks twice, so that it shows whether it is the key that opens. Nothing but GET: nothing is changed. */
async function ask(
  { BACKEND_API_URL: url, BACKEND_API_KEY: key }: Settings,
  signal: AbortSignal,
): Promise<Finding> {
  const startedAt = performance.now();
  try {
    const open = await statusOf(url, {}, signal);
    const ms = Math.round(performance.now() - startedAt);
    const shown = key === "" ? undefined : await statusOf(url, {
      "authorization": `Bearer ${key}`,
      "x-api-key": key,
    }, signal);
    return judge(open, shown, ms);
  } catch (error) {
    return warning({
      code: "backend_silent",
      subject: "HTTP",
      found: isTimeout(error)
        ? `${url} takes connections, but does not answer in time`
        : `${url} does not answer in HTTP: ${messageOf(error)}`,
      remedy: `Correct BACKEND_API_URL, or see what runs there; try: curl -i ${url}`,
    });
  }
}

async function statusOf(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<number> {
  // A key is not taken along to wherever a redirect leads.
  const response = await fetch(url, { headers, signal, redirect: "manual" });
  await response.body?.cancel();
  return response.status;
}

function judge(open: number, shown: number | undefined, ms: number): Finding {
  const subject = "HTTP";
  const facts = { ms, statusWithoutKey: open, statusWithKey: shown ?? null };
  const status = shown ?? open;
  if (REFUSALS.includes(status)) {
    const why = shown === undefined
      ? "it asks for a key, and BACKEND_API_KEY is empty"
      : "it does not take the key";
    return warning({
      code: shown === undefined ? "key_missing" : "key_refused",
      subject,
      found: `answers with ${status} in ${ms} ms: ${why}`,
      remedy: "Put the key that the backend has for its workers into BACKEND_API_KEY",
      facts,
    });
  }
  if (status >= 500) {
    return warning({
      code: "backend_failing",
      subject,
      found: `answers with ${status} in ${ms} ms`,
      remedy: "Look into the backend's log, or that of the proxy before it",
      facts,
    });
  }
  const taken = shown === undefined
    ? "no key is set"
    : REFUSALS.includes(open)
    ? "the key is taken"
    : "it does not ask for the key at this address";
  return ok(`answers with ${status} in ${ms} ms; ${taken}`, facts, subject);
}
