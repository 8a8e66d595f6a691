import type { Answer, Pages } from "./http.ts";
import type { Metrics } from "./metrics.ts";
import type { Pulse } from "./pulse.ts";
import type { Readiness } from "./readiness.ts";

/** What the pages are made from. */
export interface PageSources {
  readonly pulse: () => Promise<Pulse>;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
}

/**
 * What machines may ask.
 *
 * | path | answer |
 * |---|---|
 * | `/livez` | 200: it gets on with its work: event loop, store and broker supervisor answer. If not: restart it |
 * | `/readyz` | 200: it does its work. 503: it does not, and `reasons` has what it waits for |
 * | `/metrics` | {@link Metrics} |
 */
export function pages({ pulse, readiness, metrics }: PageSources): Pages {
  return {
    "/livez": async () => {
      const { alive } = await pulse();
      return alive ? json(200, { status: "alive" }) : json(503, { status: "stuck" });
    },
    "/readyz": () => {
      const reasons = readiness.obstacles();
      const answer = reasons.length === 0
        ? json(200, { status: "ready" })
        : json(503, { status: "not_ready", reasons });
      return Promise.resolve(answer);
    },
    "/metrics": async () => ({ status: 200, ...await metrics.text() }),
  };
}

function json(status: number, body: unknown): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: `${JSON.stringify(body)}\n` };
}
