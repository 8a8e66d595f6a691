/** Checks of the program: its configuration, reports, log and end. */

import { TABLE } from "../../../src/config/settings.ts";
import { maskPhone } from "../../../src/contract/addresses.ts";
import { expect, find, known, type Observations } from "../observations.ts";
import { text } from "../repository.ts";

/** Names of fields that only ever hold keys. */
const KEY_FIELDS = ["privKey", "advSecretKey", "noiseKey", "signedIdentityKey"];

export function corruptedEnvIsRefused(seen: Observations): string {
  const { exitCode, output } = known(seen.corrupted, "the worker on the corrupted .env");
  expect(exitCode === 78, `It ended with ${exitCode}`);
  expect(/\.env:\d+:\d+: .+\n.+\n +→ .+/.test(output), `It named no line, reason and remedy:\n${output}`);
  const [first = ""] = output.split("\n");
  const [, summary = ""] = /(The file looks overwritten[^,]*)/.exec(output) ?? [];
  return `exit ${exitCode}, ${first}. ${summary}`;
}

/** The corrupted file's own line is named, with where it breaks and why. */
export function lineIsDiagnosed(line: number, code: string): (seen: Observations) => string {
  return (seen) => {
    const { output } = known(seen.corrupted, "the worker on the corrupted .env");
    const fault = output.split("\n").find((text) =>
      text.includes(`.env:${line}:`) && text.includes(`[${code}]`)
    );
    expect(fault !== undefined, `Line ${line} is not named with ${code}:\n${output}`);
    return fault.trim();
  };
}

export function missingSettingsAreNamed(seen: Observations): string {
  const { output } = known(seen.corrupted, "the worker on the corrupted .env");
  const missing = [...output.matchAll(/^(\w+) is missing from the file/gm)].map(([, key]) => key);
  expect(
    missing.includes("RABBITMQ_URL") && missing.length === 13,
    `Named as missing: ${missing.join(", ")}`,
  );
  return `${missing.length} settings that went with it are named, RABBITMQ_URL first`;
}

export function recommendedEnvIsAccepted(seen: Observations): string {
  const { settings, sources, warnings } = known(seen.recommended, "the recommended .env, loaded");
  expect(warnings.length === 0, `There were warnings: ${warnings.map(({ message }) => message).join("; ")}`);
  const fromFile = [...sources].filter(([, source]) => source === "file").length;
  expect(fromFile === 17, `${fromFile} settings came from the file`);
  const expected: [unknown, unknown][] = [
    [settings.WORKER_ID, "worker-1"],
    [settings.WORKER_NAME, "WhatsApp Worker 1"],
    [settings.SESSION_TIMEOUT, 3_600_000],
    [settings.MAX_RETRY_ATTEMPTS, 3],
    [settings.MESSAGE_TIMEOUT, 30_000],
    [settings.HEALTH_CHECK_INTERVAL, 60_000],
    [settings.LOG_PRETTY, true],
    [settings.NODE_ENV, "production"],
  ];
  for (const [is, should] of expected) expect(is === should, `${is} was read where ${should} is written`);
  find(
    seen.events,
    "worker_status of the worker that runs on it",
    ({ action }) => action === "worker_status",
  );
  return `the document's own text, no fault and no warning: ${fromFile} settings; the worker of this run has it as its file`;
}

export function brokerConnectionIsTested(seen: Observations): string {
  const { body } = find(seen.events, "worker_status", ({ action }) => action === "worker_status");
  const { broker } = body.data as { broker?: { state: unknown; reader: unknown; wiring: unknown } };
  expect(broker?.state === "connected", `worker_status says the broker is ${broker?.state}`);
  return `worker_status: broker ${broker.state}, wiring ${broker.wiring}`;
}

export function workerIdIsUsed(seen: Observations): string {
  const { settings } = known(seen.recommended, "the recommended .env, loaded");
  expect(settings.WORKER_ID === "worker-1", `WORKER_ID is ${settings.WORKER_ID}`);
  const about = seen.events.filter(({ body }) => body.numberId === 6);
  expect(about.length > 0, "No event is about number 6");
  for (const { body, properties } of about) {
    const header = properties.headers?.["x-worker-id"];
    const id = body.workerId ?? header;
    expect(header === "worker-1" && id === "worker-1", `${properties.type} came from ${header}, ${id}`);
  }
  return `WORKER_ID=worker-1, named by all ${about.length} events about number 6 and their x-worker-id headers`;
}

export function workerStatusIsSent(seen: Observations): string {
  const { queue, body } = find(seen.events, "worker_status", ({ action }) => action === "worker_status");
  expect(queue === "whatsapp.session.update", `It came on ${queue}`);
  const data = body.data as Record<string, unknown> | undefined;
  const fields = [
    "workerId",
    "totalSessions",
    "connectedSessions",
    "disconnectedSessions",
    "uptime",
    "memory",
  ];
  const missing = fields.filter((field) => data?.[field] === undefined);
  expect(missing.length === 0, `data lacks ${missing.join(", ")}`);
  return `worker_status on ${queue}, data: ${Object.keys(data ?? {}).join(", ")}`;
}

export function statusIsRegular(seen: Observations): string {
  const times = seen.events.filter(({ body }) =>
    body.action === "worker_status" && body.workerId === "worker-1"
  )
    .map(({ body }) => Number(body.timestamp));
  const gaps = times.slice(1).map((time, index) => time - times[index]!).sort((one, other) => one - other);
  expect(gaps.length >= 2, `Only ${times.length} worker_status events came`);
  const median = gaps[Math.floor(gaps.length / 2)]!;
  const { statusIntervalMs } = seen;
  expect(
    median >= 0.9 * statusIntervalMs && median <= 1.5 * statusIntervalMs,
    `With STATUS_INTERVAL=${statusIntervalMs} they came every ${median} ms`,
  );
  const { default: fallback } = TABLE.STATUS_INTERVAL;
  expect(fallback === "30000", `STATUS_INTERVAL is ${fallback} by default`);
  return `STATUS_INTERVAL=${fallback} by default; set to ${statusIntervalMs}, ${times.length} came, ${median} ms apart`;
}

export function healthChecksAreSent(seen: Observations): string {
  const reports = seen.events.filter(({ body, properties }) =>
    properties.type === "number_health" && body.status === "HEALTHY"
  );
  const asked = reports.filter(({ properties }) => properties.correlationId !== undefined).length;
  const byThemselves = reports.length - asked;
  expect(
    byThemselves > 0 && asked > 0,
    `number_health came ${byThemselves} times by itself, ${asked} times asked`,
  );
  return `number_health ${byThemselves} times by itself, ${asked} times when asked; ${statusIsRegular(seen)}`;
}

export function prometheusCanScrape(seen: Observations): string {
  const lines = known(seen.scrape, "an answer of /metrics").split("\n");
  const metrics = new Set(lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []));
  const foreign = [...metrics].filter((name) => !/^(whatsapp_worker|process)_/.test(name));
  expect(foreign.length === 0, `Names without its prefix: ${foreign.join(", ")}`);
  const connected = 'whatsapp_worker_sessions{state="connected"} 1';
  expect(lines.includes(connected), `The connected number does not show: no '${connected}'`);
  text(seen, "docs/monitoring/alerts.yml");
  return `/metrics has ${metrics.size} metrics, ${connected}; alert rules in docs/monitoring`;
}

export function logsAreDetailed(seen: Observations): string {
  const lines = logLines(seen);
  const bare = lines.find(({ time, level, workerId, msg }) => !time || !level || !workerId || !msg);
  expect(bare === undefined, `A line lacks time, level, workerId or msg: ${JSON.stringify(bare)}`);
  const about = lines.filter(({ numberId }) => numberId === "6");
  expect(about.length > 0, "No line is about number 6");
  const anonymous = about.find(({ sessionId }) => typeof sessionId !== "string");
  expect(anonymous === undefined, `A line about number 6 has no sessionId: ${JSON.stringify(anonymous)}`);
  return `${lines.length} JSON lines with time, level and worker; all ${about.length} about the number carry its sessionId`;
}

export function logsTellTheStory(seen: Observations): string {
  const said = logLines(seen).map(({ msg }) => String(msg));
  const story = [
    "the worker is ready",
    "connected to WhatsApp",
    "the socket to WhatsApp was closed",
    "stopped",
  ];
  const untold = story.filter((part) => !said.includes(part));
  expect(untold.length === 0, `The log does not say: ${untold.join("; ")}`);
  const { output } = known(seen.stopped, "the worker's end");
  expect(!output.includes("221771234567"), "A phone number is in the log at level info");
  const secrets = [...known(seen.secrets, "the passwords of this run"), ...KEY_FIELDS];
  const told = secrets.filter((secret) => output.includes(secret));
  expect(told.length === 0, `The log holds ${told.length} secrets`);
  return `${story.map((part) => `'${part}'`).join(", ")}; phones as ${
    maskPhone("+221771234567")
  }, no secrets`;
}

export function stopsGracefully(seen: Observations): string {
  const { exitCode, tookMs } = known(seen.stopped, "the worker's end");
  expect(exitCode === 0, `It ended with ${exitCode}`);
  expect(tookMs < 20_000, `It took ${Math.round(tookMs)} ms`);
  const said = logLines(seen).map(({ msg }) => msg);
  expect(said.at(-1) === "stopped", `Its last word was '${said.at(-1)}'`);
  return `SIGTERM: exit 0 after ${Math.round(tookMs)} ms, last line 'stopped'`;
}

function logLines(seen: Observations): Record<string, unknown>[] {
  const { output } = known(seen.stopped, "the worker's end");
  const lines = output.split("\n").filter((line) => line !== "");
  expect(lines.length > 0, "It wrote nothing");
  return lines.map((line) => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch (cause) {
      throw new Error(`A line of the log is no JSON: ${line}`, { cause });
    }
  });
}
