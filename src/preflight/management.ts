/** The broker's management API, for what AMQP does not tell. It is asked, never told. */
import type { Settings } from "../config/load.ts";
import { boundedText } from "../bounded_text.ts";
import { readTlsFiles } from "../broker/tls.ts";
import { brokerLoginOf } from "./broker.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";

/** What it says of some ten thousand queues. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** What the API answers. */
export interface ManagementAnswer {
  readonly status: number;
  /** Parsed; `undefined` when it is no JSON. */
  readonly body: unknown;
}

/** Asks for a path below `/api/`. */
export type AskManagement = (path: string) => Promise<ManagementAnswer>;

/** Where it is, by its setting; `undefined` when it is not set. */
export function managementEndpoint(settings: Settings): Endpoint | undefined {
  return settings.RABBITMQ_MANAGEMENT_URL === undefined
    ? undefined
    : endpointOf(settings.RABBITMQ_MANAGEMENT_URL, {
      // The files for TLS are the broker's.
      service: "RabbitMQ",
      setting: "RABBITMQ_MANAGEMENT_URL",
      ports: { "http:": 80, "https:": 443 },
      tlsFiles: () => readTlsFiles(settings),
    });
}

/** Runs `work` with a client that logs in as RABBITMQ_URL does. */
export async function withManagement<T>(
  settings: Settings,
  signal: AbortSignal,
  work: (ask: AskManagement) => Promise<T>,
): Promise<T> {
  const base = (settings.RABBITMQ_MANAGEMENT_URL ?? "").replace(/\/$/, "");
  const { user, password } = brokerLoginOf(settings);
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  const headers = { authorization: `Basic ${bytes.toBase64()}`, accept: "application/json" };
  const { ca, cert, key } = await readTlsFiles(settings);
  using client = Deno.createHttpClient({
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  return await work(async (path) => {
    // The password is not taken along to wherever a redirect leads.
    const response = await fetch(`${base}/api/${path}`, { headers, signal, client, redirect: "manual" });
    return { status: response.status, body: parsed(await boundedText(response, MAX_CHARACTERS)) };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page for people, or nothing: the caller has the status.
    return undefined;
  }
}
