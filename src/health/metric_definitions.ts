/** Every metric there is, and the values that its labels take. */
import type { BrokerState } from "../broker/connection.ts";
import type { SessionAction } from "../contract/commands.ts";
import { CHAT_ACTION_TYPES, MESSAGE_TYPES } from "../contract/messages.ts";
import { RECEIVED_TYPES } from "../contract/received_fields.ts";
import type { RefusalCode } from "../contract/parsed.ts";
import type { PaceReason } from "../whatsapp/pacing/rules.ts";
import type { SendStatus } from "../store/ledger.ts";
import type { ActionCode } from "../whatsapp/chats/failures.ts";
import { FAILURE_CODES } from "../whatsapp/outbound/failure_codes.ts";
import type { CommandOutcome } from "../whatsapp/session/sessions.ts";
import type { SessionState } from "../whatsapp/session/states.ts";
import { CLOSE_CODES } from "../whatsapp/socket/close_codes.ts";
import type { Instruments } from "./instruments.ts";

/** Most of what is measured takes milliseconds; what waits for a network or a broker may take as long as an outage. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];
/** What waits for a pace may do so for a second or for a day. */
const PACE_BUCKETS_S = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800, 86400];
/** A timer is hardly ever on time to the millisecond. */
const DELAY_BUCKETS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** How often the delay of the event loop is measured. */
export const DELAY_INTERVAL_MS = 250;

const namesOf = (names: Readonly<Record<string, true>>): readonly string[] => Object.keys(names);

/** The states of a session that are shown. */
export const STATES = namesOf(
  {
    closed: true,
    connecting: true,
    awaiting_scan: true,
    connected: true,
    reconnecting: true,
    replaced: true,
    banned: true,
    unusable: true,
  } satisfies Record<Exclude<SessionState, "ended">, true>,
);
/** The states of the connection to the broker. */
export const BROKER_STATES = namesOf(
  { connecting: true, connected: true, blocked: true, closed: true } satisfies Record<BrokerState, true>,
);
const ACTIONS = [
  ...namesOf(
    {
      create: true,
      close: true,
      reconnect: true,
      regenerate_qr: true,
      logout: true,
      pairing_code: true,
      status: true,
      health_check: true,
    } satisfies Record<SessionAction | "health_check", true>,
  ),
  ...CHAT_ACTION_TYPES,
];
const COMMAND_OUTCOMES = namesOf(
  {
    done: true,
    held_elsewhere: true,
    pinned_elsewhere: true,
    given_up: true,
    no_session: true,
    expired: true,
    not_connected: true,
    banned: true,
    timeout: true,
    rate_limited: true,
    unknown_message: true,
    not_in_group: true,
    group_not_found: true,
    not_done: true,
  } satisfies Record<CommandOutcome | ActionCode, true>,
);
/** What sends wait for although their number is connected. */
export const PACE_REASONS = Object.keys(
  {
    per_minute: true,
    per_day: true,
    warm_up: true,
    new_contact_gap: true,
    typing: true,
    restricted: true,
  } satisfies Record<PaceReason, true>,
) as PaceReason[];
const STATUSES = namesOf(
  { SENT: true, DELIVERED: true, READ: true, PLAYED: true, FAILED: true } satisfies Record<
    Exclude<SendStatus, "PENDING">,
    true
  >,
);
const SEND_RESULTS = ["accepted", "repeated", ...FAILURE_CODES];
const DEAD_REASONS = namesOf(
  {
    empty_body: true,
    too_large: true,
    invalid_utf8: true,
    malformed_json: true,
    invalid_command: true,
    unknown_action: true,
    unknown_type: true,
    worker_unknown: true,
    handler_failed: true,
    not_publishable: true,
  } satisfies Record<RefusalCode | "worker_unknown" | "handler_failed" | "not_publishable", true>,
);
const EVENTS = ["message_received", "message_media", "message_status", "number_health", "worker_status"];

/** The label of an event: those with a queue or a weight of their own have one, all others are about sessions. */
export const eventLabel = (type: string): string => EVENTS.includes(type) ? type : "session";

/** What is told as it happens. */
export function counted(make: Instruments) {
  return {
    connectAttempts: make.counter(
      "whatsapp_worker_connect_attempts_total",
      "Sockets to WhatsApp that were opened",
    ),
    connectDuration: make.histogram(
      "whatsapp_worker_connect_duration_seconds",
      "From opening a socket to WhatsApp until it has logged in; its count is that of logins",
      BUCKETS_S,
    ),
    closes: make.counter(
      "whatsapp_worker_closes_total",
      "Sockets that WhatsApp, the network or a fault closed, by close code",
      { code: CLOSE_CODES },
    ),
    commands: make.counter(
      "whatsapp_worker_commands_total",
      "Commands of the backend, but for messages, that were settled: done, or why not",
      {
        action: ACTIONS,
        outcome: COMMAND_OUTCOMES,
      },
    ),
    commandDuration: make.histogram(
      "whatsapp_worker_command_duration_seconds",
      "From the delivery of a command until its effect is durable",
      BUCKETS_S,
    ),
    sends: make.counter(
      "whatsapp_worker_sends_total",
      "Commands to send a message that were settled: accepted by WhatsApp, repeated (not sent again), or the code they failed with",
      { type: MESSAGE_TYPES, result: SEND_RESULTS },
    ),
    paceDuration: make.histogram(
      "whatsapp_worker_pace_wait_seconds",
      "How long sends waited for their number's pace, from when each was the first of its queue, by what it waited for last",
      PACE_BUCKETS_S,
      { reason: PACE_REASONS },
    ),
    ackDuration: make.histogram(
      "whatsapp_worker_send_ack_duration_seconds",
      "From handing a message to the socket until WhatsApp's server has it",
      BUCKETS_S,
    ),
    statuses: make.counter(
      "whatsapp_worker_send_statuses_total",
      "How far messages have come: statuses reached, each counted once a message",
      { status: STATUSES },
    ),
    received: make.counter(
      "whatsapp_worker_messages_received_total",
      "Messages that came in and are durable for the backend",
      { type: RECEIVED_TYPES },
    ),
    duplicates: make.counter(
      "whatsapp_worker_duplicates_suppressed_total",
      "Repeats without a second effect: of commands to send (out), of messages that came in (in)",
      { direction: ["in", "out"] },
    ),
    media: make.counter(
      "whatsapp_worker_media_total",
      "Media of messages that came in: published themselves (inline), kept to be fetched (stored), or given up",
      { outcome: ["inline", "stored", "failed"] },
    ),
    undecryptable: make.counter(
      "whatsapp_worker_undecryptable_total",
      "Times a message came in that could not be decrypted; its sender is asked for another copy",
    ),
    publishDuration: make.histogram(
      "whatsapp_worker_event_publish_duration_seconds",
      "From an event becoming durable until the broker has confirmed it; for message_received from receipt to published",
      BUCKETS_S,
      { event: [...EVENTS, "session"] },
    ),
    deadLetters: make.counter(
      "whatsapp_worker_dead_letters_total",
      "Messages put to the dead letters, by reason",
      { reason: DEAD_REASONS },
    ),
    eventLoopDelay: make.histogram(
      "whatsapp_worker_event_loop_delay_seconds",
      `How late a timer fires that is due every ${DELAY_INTERVAL_MS} ms: how long all else waits too`,
      DELAY_BUCKETS_S,
    ),
  };
}

/** What is read when somebody asks. */
export function gauges(make: Instruments) {
  return {
    ready: make.gauge("whatsapp_worker_ready", "1 while /readyz answers 200"),
    sessions: make.gauge("whatsapp_worker_sessions", "Sessions of this worker, by state", { state: STATES }),
    undecryptableMessages: make.gauge(
      "whatsapp_worker_undecryptable_messages",
      "Messages that could not be decrypted and have not come again in a form that could; at most 1,000 a number",
    ),
    mediaPending: make.gauge(
      "whatsapp_worker_media_pending",
      "Media of messages that came in which are still to be fetched",
    ),
    mediaBytes: make.gauge("whatsapp_worker_media_bytes", "Size of the media received that are kept"),
    sendsWaiting: make.gauge(
      "whatsapp_worker_sends_waiting",
      "Sends that wait for their number's pace, the first of each queue and those behind it, by what the first waits for",
      { reason: PACE_REASONS },
    ),
    outboxEvents: make.gauge("whatsapp_worker_outbox_events", "Events that wait for the broker"),
    outboxAge: make.gauge(
      "whatsapp_worker_outbox_oldest_age_seconds",
      "Age of the oldest event that waits for the broker, 0 when none does",
    ),
    brokerState: make.gauge(
      "whatsapp_worker_broker_state",
      "1 for the state the connection to the broker is in, 0 for the others",
      { state: BROKER_STATES },
    ),
    reader: make.gauge(
      "whatsapp_worker_reader",
      "1 while this worker is the one of the fleet that reads the shared queues",
    ),
    diskFailing: make.gauge("whatsapp_worker_disk_failing", "1 while the state cannot be written"),
    unhandledFaults: make.total(
      "whatsapp_worker_unhandled_faults_total",
      "Faults of the program that nobody handled; report them",
    ),
    memory: make.gauge(
      "whatsapp_worker_memory_bytes",
      "Memory of the JavaScript heap, and what it holds outside",
      { area: ["heap_used", "heap_total", "external"] },
    ),
    residentMemory: make.gauge("process_resident_memory_bytes", "Resident memory of the process"),
    cpuSeconds: make.total("process_cpu_seconds_total", "CPU time of the process, user and system"),
    startTime: make.gauge(
      "process_start_time_seconds",
      "When the worker started, in seconds since the epoch",
    ),
    buildInfo: make.info(
      "whatsapp_worker_build_info",
      "1, with the worker's version, commit, kind of build and id, Deno's version and the WhatsApp Web version it connects with",
      ["version", "commit", "build", "deno", "whatsapp_web", "worker_id"],
    ),
  };
}
