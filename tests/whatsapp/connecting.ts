/** What a session connects with, for tests that have no worker around it. */

import pino from "pino";
import type { Store } from "../../src/store/store.ts";
import { ConnectGate } from "../../src/whatsapp/session/connect_gate.ts";
import type { RunContext } from "../../src/whatsapp/session/run.ts";
import { WebVersions } from "../../src/whatsapp/session/web_version.ts";

/** A gate of its own, the versions a new worker knows, and nobody who fetches media. */
export function connecting(
  { memory }: Store,
  webUrl: string,
): Pick<RunContext, "gate" | "webVersions" | "media"> {
  const log = pino({ level: "silent" });
  const { signal } = new AbortController();
  return {
    media: { wake: () => {}, opened: () => {}, answered: () => {} },
    gate: new ConnectGate(),
    webVersions: new WebVersions({ webUrl, memory, now: Date.now, log, signal }),
  };
}
