import type { Settings } from "../../config/load.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Check, type Finding, messageOf, ok, warning } from "../check.ts";
import { configuration } from "./configuration.ts";
import { stateHolder } from "./state_holder.ts";

/** What `/livez` may answer, with or without a token. */
const LIVEZ_ANSWERS = [200, 401, 503];

/** The port for machines: free, or the running worker's. A worker that cannot have it works on, and tries again. */
export const httpPort: Check = {
  id: "http.port",
  title: "HTTP for machines",
  why: "Without it nobody outside sees whether the worker lives, is ready, and how much it does",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, stateHolder],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    const { HTTP_HOST: hostname, HTTP_PORT: port } = settings;
    if (hostname === undefined || port === undefined) return { findings: [off(settings)] };
    const at = `${inUrl(hostname)}:${port}`;
    const facts = { on: true, hostname, port };
    try {
      Deno.listen({ hostname, port }).close();
      return { findings: [ok(`${at} is free`, { ...facts, free: true })] };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) return { findings: [unusable(at, error)] };
    }
    const status = await livez(hostname, port, probe.signal);
    const isLivez = status !== undefined && LIVEZ_ANSWERS.includes(status);
    const found = { ...facts, free: false, livez: status ?? null };
    if (isLivez && probe.valueOf(stateHolder)) {
      return { findings: [ok(`${at} is the running worker's; /livez answers ${status}`, found)] };
    }
    return {
      findings: [warning({
        code: "port_taken",
        found: `${at} is taken by ${isLivez ? "another worker" : "another program"}`,
        remedy:
          `Set HTTP_PORT to a free one (HTTP_PORT= is off), or end what listens there: ss -ltnp 'sport = :${port}'`,
        facts: found,
      })],
    };
  },
};

/** Nothing is served: neither are media, of which those stay in the state folder that are not published themselves. */
function off({ MEDIA_INLINE_LIMIT: inlineBytes, MEDIA_KEEP_SIZE: keepBytes }: Settings): Finding {
  const found = "off: HTTP_HOST or HTTP_PORT is empty";
  const facts = { on: false };
  if (keepBytes <= inlineBytes) return ok(found, facts);
  return warning({
    code: "media_out_of_reach",
    found:
      `${found}, and nobody can fetch media received that are larger than MEDIA_INLINE_LIMIT (${inlineBytes} bytes)`,
    remedy:
      "Set HTTP_HOST and HTTP_PORT where the backend can ask; MEDIA_INLINE_LIMIT higher (8388608 at most); or " +
      "MEDIA_KEEP_SIZE=0 where nobody wants them",
    facts,
  });
}

/** The HTTP status of what listens there; `undefined` when it does not speak HTTP. Shows no token to a stranger. */
async function livez(hostname: string, port: number, signal: AbortSignal): Promise<number | undefined> {
  const near = { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
  const url = `http://${inUrl(near)}:${port}/livez`;
  try {
    const response = await fetch(url, { signal, redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    // Whoever it is, it is not the worker.
    if (error instanceof TypeError || signal.aborted) return undefined;
    throw error;
  }
}

const inUrl = (hostname: string) => hostname.includes(":") ? `[${hostname}]` : hostname;

const unusable = (at: string, error: unknown): Finding =>
  warning({
    code: "port_unusable",
    found: `Nobody can listen on ${at} here: ${messageOf(error)}`,
    remedy: "Set HTTP_HOST to an address of this machine (127.0.0.1) and HTTP_PORT to one from 1024 on",
  });
