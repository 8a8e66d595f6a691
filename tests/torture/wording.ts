/** A schedule in words. */

import type { Fault } from "./fault_schedule.ts";
import type { Schedule } from "./schedule.ts";
import type { TrafficStep } from "./traffic_schedule.ts";

/** `12.3 s` */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** A fault as a person would say it. */
export function wordFault(fault: Fault): string {
  switch (fault.kind) {
    case "worker_kill9":
      return `${fault.worker}: kill -9, started again after ${seconds(fault.downMs)}`;
    case "worker_terminate":
      return `${fault.worker}: SIGTERM, started again ${seconds(fault.downMs)} after its end`;
    case "worker_freeze":
      return `${fault.worker}: SIGSTOP for ${seconds(fault.forMs)}`;
    case "broker_kill9":
      return `broker: kill -9, booted again after ${seconds(fault.downMs)}`;
    case "broker_stop":
      return `broker: stopped, booted again after ${seconds(fault.downMs)}`;
    case "broker_freeze":
      return `broker: SIGSTOP for ${seconds(fault.forMs)}`;
    case "broker_memory_alarm":
      return `broker: memory alarm for ${seconds(fault.forMs)}`;
    case "broker_close_connections":
      return "broker: closes all connections";
    case "link_drop":
      return `link of ${fault.worker} to the broker: dropped`;
    case "link_reset":
      return `link of ${fault.worker} to the broker: reset`;
    case "link_black_hole":
      return `link of ${fault.worker} to the broker: black hole ${fault.direction} for ${
        seconds(fault.forMs)
      }`;
    case "whatsapp_drop":
      return `WhatsApp: link of ${fault.number ?? "every number"} cut`;
    case "whatsapp_close":
      return `WhatsApp: closes ${fault.number ?? "every number"} with ${fault.code}`;
    case "whatsapp_ack_delay":
      return `WhatsApp: acks and delivers ${seconds(fault.delayMs)} late for ${seconds(fault.forMs)}`;
    case "whatsapp_lost_acks":
      return `WhatsApp: delivers and never acks for ${seconds(fault.forMs)}`;
  }
}

function wordTraffic(step: TrafficStep): string {
  switch (step.kind) {
    case "send": {
      const life = step.expiresInMs === undefined ? "" : `, worth sending for ${seconds(step.expiresInMs)}`;
      return `number ${step.numberId} sends message ${step.messageId} to ${step.contact}${life}${
        step.resend ? ", resent if it fails" : ""
      }`;
    }
    case "repeat":
      return `message ${step.messageId} once more`;
    case "inbound":
      return `${step.contact} writes i-${step.n} to number ${step.numberId}`;
    case "command":
      return `command c-${step.n}: ${step.action} ${
        step.numberId === undefined ? "" : `number ${step.numberId} `
      }for ${step.to}`;
  }
}

/** The whole schedule, a line each step. */
export function wordSchedule(schedule: Schedule, { traffic }: { traffic: boolean }): string {
  const lines = [
    ...schedule.faults.map((fault): [number, string] => [fault.atMs, wordFault(fault)]),
    ...traffic ? schedule.traffic.map((step): [number, string] => [step.atMs, `  ${wordTraffic(step)}`]) : [],
  ].sort(([one], [other]) => one - other);
  return lines.map(([atMs, text]) => `${seconds(atMs).padStart(9)}  ${text}`).join("\n");
}

/** What a schedule amounts to. */
export function wordSummary({ seed, durationMs, cast, traffic, faults, fingerprint }: Schedule): string {
  const count = (kind: TrafficStep["kind"]) => traffic.filter((step) => step.kind === kind).length;
  return [
    `seed ${seed}, ${seconds(durationMs)}, schedule ${fingerprint}:`,
    `${cast.workers.length} workers, ${cast.lines.length} numbers, ${cast.contacts.length} contacts,`,
    `${count("send")} sends and ${count("repeat")} repeats of them, ${count("inbound")} messages in,`,
    `${count("command")} commands, ${faults.length} faults`,
  ].join(" ");
}
