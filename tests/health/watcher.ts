/** A machine that watches a worker: asks what `HTTP_PORT` answers. */

import { strict as assert } from "node:assert";

/** What was answered. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Asks a server on loopback. */
export async function ask(port: number, path: string, init: RequestInit = {}): Promise<Answered> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Asks `/readyz`. @returns what is not ready, in the words for machines and for people; `ready` when all is */
export async function readiness(port: number): Promise<{ codes: string[]; messages: string }> {
  const { status, body } = await ask(port, "/readyz");
  const { reasons = [] } = JSON.parse(body) as { reasons?: { code: string; message: string }[] };
  assert.equal(status, reasons.length === 0 ? 200 : 503, body);
  return {
    codes: reasons.map(({ code }) => code),
    messages: reasons.map(({ message }) => message).join("\n"),
  };
}

/** Asks again until `found` finds what it looks for. */
export async function eventually<T>(
  look: () => Promise<T>,
  found: (seen: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const seen = await look();
    if (found(seen)) return seen;
    assert.ok(performance.now() < deadline, `Not seen in ${timeoutMs} ms, but: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The samples of a scrape, each under its name and labels as they are written. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

/** Scrapes a worker. */
export async function scrape(port: number, init?: RequestInit): Promise<Map<string, number>> {
  const { status, body } = await ask(port, "/metrics", init);
  assert.equal(status, 200, body);
  return samplesOf(body);
}

/** Scrapes a worker until these samples have these values. @returns all samples */
export async function scraped(
  port: number,
  wanted: Readonly<Record<string, number>>,
  init?: RequestInit,
): Promise<Map<string, number>> {
  let all = new Map<string, number>();
  await eventually(
    async () => {
      all = await scrape(port, init);
      return Object.entries(wanted).filter(([sample, value]) => all.get(sample) !== value)
        .map(([sample, value]) => `${sample} is ${all.get(sample)}, not ${value}`);
    },
    (others) => others.length === 0,
  );
  return all;
}
