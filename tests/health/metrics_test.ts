/** What can be counted has bounds, whatever is told; what is documented and alarmed on is there. */

import { strict as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { Metrics } from "../../src/health/metrics.ts";
import { Readiness } from "../../src/health/readiness.ts";
import type { WorkerStatus } from "../../src/health/worker_status.ts";
import { idleMetrics, MONITORING_README, withTable } from "./metrics_table.ts";
import { noPromtool, promtool } from "./promtool.ts";
import { samplesOf } from "./watcher.ts";

const ALERTS = new URL("../../docs/monitoring/alerts.yml", import.meta.url);
const MEMORY = { rss: 100_000_000, heapUsed: 1, heapTotal: 2, external: 3 };

/** Metrics of a worker that does nothing. */
function restingMetrics(): Metrics {
  const status = {
    version: "0.0.0-test",
    outbox: { depth: 3, oldestAgeMs: 1_500 },
    pacing: { waiting: 4, byReason: { per_day: 4 }, numbers: [] },
    disk: { state: "failing", failingForMs: 1 },
    broker: { state: "blocked", reader: false },
    whatsapp: { version: "2.3000.1", versionSource: "built in" },
    memory: MEMORY,
    unhandledFaults: 2,
  } as unknown as WorkerStatus;
  return new Metrics({
    workerId: "worker-1",
    workerStatus: () => Promise.resolve(status),
    sessions: () => [],
    media: () => Promise.resolve({ pending: 2, bytes: 1_000 }),
    isReady: () => false,
    startedAtMs: 1_700_000_000_000,
  });
}

const samples = async (metrics: Metrics) => samplesOf((await metrics.text()).body);

Deno.test("whatever words are told, the series stay those that are listed", async () => {
  const metrics = restingMetrics();
  const word = fc.oneof(fc.string(), fc.constantFrom("__proto__", "221771234567", 'a"}\n', "other"));
  const tell = (words: string[], number: number) => {
    const [a, b, c, d, e, f, g] = words as [string, string, string, string, string, string, string];
    metrics.closed({ code: number });
    metrics.command(a, b, number);
    metrics.sent(c, d);
    metrics.status(e);
    metrics.received(f, "new");
    metrics.media(f);
    metrics.published(g, number);
    metrics.deadLetter(a);
    metrics.paced(b, number);
  };
  tell(["?", "?", "?", "?", "?", "?", "?"], 1);
  const before = [...(await samples(metrics)).keys()];
  fc.assert(fc.property(
    fc.array(word, { minLength: 7, maxLength: 7 }),
    fc.integer(),
    (words, number) => {
      tell(words, number);
    },
  ));
  const after = await samples(metrics);
  assert.deepEqual([...after.keys()].filter((series) => !before.includes(series)), []);
  assert.ok(before.length < 350, `${before.length} series`);
  assert.ok(after.get('whatsapp_worker_dead_letters_total{reason="other"}')! > 1);
});

Deno.test("what is read at a scrape is in base units, and a duration is never negative", async () => {
  const metrics = restingMetrics();
  metrics.acknowledged(-5_000);
  metrics.connected(1_500);
  const seen = await samples(metrics);
  const expected = {
    whatsapp_worker_outbox_events: 3,
    whatsapp_worker_outbox_oldest_age_seconds: 1.5,
    whatsapp_worker_disk_failing: 1,
    whatsapp_worker_media_pending: 2,
    whatsapp_worker_media_bytes: 1_000,
    'whatsapp_worker_broker_state{state="blocked"}': 1,
    'whatsapp_worker_broker_state{state="connected"}': 0,
    whatsapp_worker_unhandled_faults_total: 2,
    process_start_time_seconds: 1_700_000_000,
    process_resident_memory_bytes: MEMORY.rss,
    whatsapp_worker_send_ack_duration_seconds_sum: 0,
    whatsapp_worker_connect_duration_seconds_sum: 1.5,
  };
  for (const [sample, value] of Object.entries(expected)) assert.equal(seen.get(sample), value, sample);
  // A total that is told again is not added up.
  assert.equal((await samples(metrics)).get("whatsapp_worker_unhandled_faults_total"), 2);
});

Deno.test("how late timers are is measured while the event loop is busy", async () => {
  const metrics = restingMetrics();
  const over = new AbortController();
  const watching = metrics.watchEventLoop(over.signal);
  const busyUntil = performance.now() + 600;
  while (performance.now() < busyUntil);
  const count = async () => (await samples(metrics)).get("whatsapp_worker_event_loop_delay_seconds_count")!;
  while (await count() === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  over.abort();
  await watching;
  const seen = await samples(metrics);
  assert.ok(seen.get("whatsapp_worker_event_loop_delay_seconds_sum")! > 0.3, "350 ms late");
  assert.equal(seen.get('whatsapp_worker_event_loop_delay_seconds_bucket{le="0.25"}'), await count() - 1);
});

Deno.test("obstacles() names all that stands in the way, and nothing once the worker does its work", () => {
  let [state, trouble, failingForMs]: ["connecting" | "connected" | "blocked", string?, number?] = [
    "connecting",
  ];
  const readiness = new Readiness({
    brokerState: () => state,
    brokerTrouble: () => trouble,
    diskFailingForMs: () => failingForMs,
  });
  const codes = () => readiness.obstacles().map(({ code }) => code);
  assert.deepEqual(codes(), ["starting", "broker"]);
  [state, readiness.hasRival] = ["connected", true];
  assert.deepEqual(codes(), ["starting", "rival"]);
  readiness.hasRival = false;
  readiness.started();
  assert.deepEqual(codes(), []);
  [state, failingForMs] = ["blocked", 61_000];
  assert.deepEqual(readiness.obstacles().map(({ message }) => message), [
    "The broker takes no messages (memory or disk alarm)",
    "Nothing can be written to SESSION_DIR for 61 s: is it full?",
  ]);
  [state, trouble, failingForMs] = ["connecting", "connect ECONNREFUSED", undefined];
  assert.deepEqual(readiness.obstacles(), [
    { code: "broker", message: "There is no connection to the broker: connect ECONNREFUSED" },
  ]);
  readiness.stopping();
  readiness.started();
  assert.deepEqual(codes(), ["stopping", "broker"]);
});

Deno.test("docs/monitoring has every metric as it describes itself", async () => {
  const text = await Deno.readTextFile(MONITORING_README);
  assert.equal(text, withTable(text), "run the command that stands above the table");
});

Deno.test("every alert is about metrics there are, and says what is the matter and what to do", async () => {
  const text = await Deno.readTextFile(ALERTS);
  const names = new Set(idleMetrics().described.map(({ name }) => name));
  for (const [used] of text.matchAll(/\b(?:whatsapp_worker|process)_\w+/g)) {
    assert.ok(names.has(used.replace(/_(bucket|count|sum)$/, "")), `there is no ${used}`);
  }
  const alerts = text.split("- alert: ").slice(1);
  assert.ok(alerts.length > 10);
  for (const alert of alerts) {
    for (const part of ["expr", "severity", "summary", "description", "action"]) {
      assert.match(alert, new RegExp(`\\b${part}: `), `${part} in ${alert}`);
    }
  }
});

Deno.test({
  name: "promtool takes the alerts, and they go off when they should",
  ignore: noPromtool !== undefined,
  fn: async () => {
    assert.equal(await promtool(["check", "rules", fileURLToPath(ALERTS)]), "");
    const cases = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      await Deno.writeTextFile(cases, alertCases(fileURLToPath(ALERTS)));
      assert.equal(await promtool(["test", "rules", cases]), "");
    } finally {
      await Deno.remove(cases);
    }
  },
});

/** An hour of two workers, of which the second has trouble, and the alerts that are to go off at its end. */
function alertCases(rules: string): string {
  const series = (worker: "well" | "ill", name: string, values: string, labels = "") => {
    const instance = `job="whatsapp-worker", instance="${worker}"${labels && `, ${labels}`}`;
    return `      - { series: '${name}{${instance}}', values: '${values}' }\n`;
  };
  const sends = "whatsapp_worker_sends_total";
  const statuses = "whatsapp_worker_send_statuses_total";
  const input = [
    ...(["well", "ill"] as const).flatMap((worker) => [
      series(worker, "up", "1x70"),
      series(worker, "whatsapp_worker_broker_state", "1x70", 'state="connected"'),
      series(worker, statuses, "0+2x70", 'status="SENT"'),
      series(worker, sends, "0+2x70", 'type="TEXT", result="accepted"'),
    ]),
    series("well", "whatsapp_worker_outbox_oldest_age_seconds", "1x70"),
    series("well", "whatsapp_worker_reader", "1x70"),
    series("well", statuses, "0+2x70", 'status="DELIVERED"'),
    series("well", sends, "0x70", 'type="TEXT", result="expired"'),
    series("ill", "whatsapp_worker_outbox_oldest_age_seconds", "0+60x70"),
    series("ill", "whatsapp_worker_reader", "0x70"),
    series("ill", statuses, "0x70", 'status="DELIVERED"'),
    series("ill", sends, "0+1x70", 'type="TEXT", result="expired"'),
    series("ill", "whatsapp_worker_sessions", "1x70", 'state="banned"'),
    series("ill", "whatsapp_worker_ready", "0x70"),
    series("well", "whatsapp_worker_media_pending", "50+0x20 0x50"),
    series("ill", "whatsapp_worker_media_pending", "0+4x70"),
    series("well", "whatsapp_worker_sends_waiting", "0x70", 'reason="restricted"'),
    series("ill", "whatsapp_worker_sends_waiting", "3x70", 'reason="restricted"'),
    series("well", "whatsapp_worker_sends_waiting", "5+0x20 0x50", 'reason="per_day"'),
    series("ill", "whatsapp_worker_sends_waiting", "0+1x70", 'reason="per_day"'),
  ].join("");
  const goesOff: Record<string, boolean> = {
    WhatsappWorkerDown: false,
    WhatsappWorkerNotReady: true,
    WhatsappWorkerBrokerAway: false,
    WhatsappWorkerOutboxStuck: true,
    WhatsappWorkerNoReader: false,
    WhatsappWorkerNumberBanned: true,
    WhatsappWorkerSendsFail: true,
    WhatsappWorkerSendsRestricted: true,
    WhatsappWorkerSendsHeldBack: true,
    WhatsappWorkerNothingDelivered: true,
    WhatsappWorkerMediaStuck: true,
  };
  // With a name and a count alone: the words of each alert stand in the file.
  const expressions = Object.entries(goesOff).map(([alert, isIll]) =>
    `      - expr: 'count by (instance) (ALERTS{alertname="${alert}", alertstate="firing"})'\n` +
    `        eval_time: 70m\n` +
    `        exp_samples: ${isIll ? `[{ labels: '{instance="ill"}', value: 1 }]` : "[]"}\n`
  ).join("");
  return `rule_files: ['${rules}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n` +
    `    input_series:\n${input}    promql_expr_test:\n${expressions}`;
}
