import type { WAVersion } from "@whiskeysockets/baileys";
import { boundedText } from "../../bounded_text.ts";

/** How long the page may take in all, and how much of it is read. */
const TIMEOUT_MS = 10_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** As Baileys looks for it: the page holds JSON, and JSON within a string. */
const REVISION = /\\?"client_revision\\?":\s*(\d{1,20})(?!\d)/;
/** Revisions have had ten digits since 2023; above these the field of the login that carries one ends. */
const LEAST_REVISION = 1_000_000_000;
const LARGEST_REVISION = 2 ** 32 - 1;
/** Without them the page is not given to programs. */
const HEADERS = {
  "sec-fetch-site": "none",
  "user-agent":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
};

/** Where the version of WhatsApp Web is to be read that belongs to a websocket's address. */
export function webPageUrl(webUrl: string): URL {
  const url = new URL("/sw.js", webUrl);
  url.protocol = url.protocol === "ws:" ? "http:" : "https:";
  return url;
}

/**
 * Reads which version WhatsApp Web has at the moment. What Baileys' `fetchLatestWaWebVersion` does, which knows one
 * address only, waits for ever and takes any number.
 *
 * @throws {Error} in one sentence, when the page cannot be had or does not say it
 */
export async function fetchWebVersion(
  webUrl: string,
  { signal: ended, timeoutMs = TIMEOUT_MS }: { signal: AbortSignal; timeoutMs?: number | undefined },
): Promise<WAVersion> {
  const url = webPageUrl(webUrl);
  const signal = AbortSignal.any([ended, AbortSignal.timeout(timeoutMs)]);
  // WhatsApp's own page redirects nowhere; who does is something in between.
  const response = await fetch(url, { headers: HEADERS, redirect: "error", signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answers with HTTP ${response.status}`);
  }
  const page = await boundedText(response, MAX_CHARACTERS);
  const revision = Number(REVISION.exec(page)?.[1]);
  if (!(revision >= LEAST_REVISION && revision <= LARGEST_REVISION)) {
    throw new Error(`${url} does not say which revision of the client it belongs to`);
  }
  return [2, 3000, revision];
}
