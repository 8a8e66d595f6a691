import { type DeadLetter, returnAddress } from "../broker/dead_letter_box.ts";
import type { BrokerNames } from "../broker/names.ts";
import { Buffer } from "node:buffer";
import { renderSize } from "./letter_summary.ts";
import { visible, visibleLines } from "./terminal.ts";

/** How much of a body is shown to a person; `--json` has all of it. */
const SHOWN_BYTES = 64 * 1024;
const DUMP_WIDTH = 16;

/** Everything there is of a dead letter, for machines. */
export function letterForMachines(letter: DeadLetter, names: BrokerNames) {
  const { headers = {}, ...properties } = letter.message.properties;
  const text = textOf(letter.message.content);
  return {
    id: letter.id,
    ...letter.death,
    returnsTo: returnAddress(letter.death, names),
    bytes: letter.message.content.byteLength,
    properties: jsonSafe(given(properties)),
    headers: jsonSafe(headers),
    body: text === undefined
      ? { encoding: "base64", content: letter.message.content.toString("base64") }
      : { encoding: "utf-8", content: text },
  };
}

/** Everything there is of a dead letter, for a person. */
export function renderLetter(letter: DeadLetter, names: BrokerNames): string {
  const { id, death, message: { content, properties: { headers = {}, ...properties } } } = letter;
  const rows = (values: Record<string, unknown>) =>
    Object.entries(values).map(([name, value]) => `  ${visible(name, 40).padEnd(18)} ${renderValue(value)}`);
  const to = returnAddress(death, names);
  return [
    `Dead letter ${id}`,
    ...rows({
      died: death.time ?? "?",
      times: death.count,
      reason: death.reason ?? "?",
      "refused at": death.queue ?? "?",
      exchange: death.exchange ?? "",
      "routing key": death.routingKey ?? "",
      worker: death.worker ?? "?",
      "requeue sends to": to ?? "nowhere: it does not say where it came from",
    }),
    "Properties",
    ...rows(given(properties)),
    "Headers",
    ...rows(headers),
    ...renderBody(content),
  ].join("\n");
}

/** The properties the message has. */
const given = (properties: object) =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));

function renderValue(value: unknown): string {
  return visible(typeof value === "string" ? value : JSON.stringify(jsonSafe(value)) ?? "");
}

function renderBody(content: Buffer): string[] {
  const part = content.subarray(0, SHOWN_BYTES);
  const text = textOf(content);
  const lines = text === undefined ? dump(part) : visibleLines(decode(part, { fatal: false }));
  const rest = content.byteLength - part.byteLength;
  return [
    `Body (${renderSize(content.byteLength)}, ${text === undefined ? "no UTF-8 text" : "UTF-8"})`,
    ...lines.map((line) => `  ${line}`),
    ...(rest > 0 ? [`  … and ${renderSize(rest)} more: --json has all of it`] : []),
  ];
}

/** Offset, bytes and what of them is ASCII. */
function dump(bytes: Buffer): string[] {
  return Array.from({ length: Math.ceil(bytes.byteLength / DUMP_WIDTH) }, (_, line) => {
    const row = bytes.subarray(line * DUMP_WIDTH, (line + 1) * DUMP_WIDTH);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = row.toString("latin1").replace(/[^ -~]/g, ".");
    const offset = (line * DUMP_WIDTH).toString(16).padStart(8, "0");
    return `${offset}  ${hex.padEnd(DUMP_WIDTH * 3 - 1)}  ${ascii}`;
  });
}

function textOf(content: Uint8Array): string | undefined {
  try {
    return decode(content, { fatal: true });
  } catch {
    return undefined;
  }
}

const decode = (bytes: Uint8Array, options: { fatal: boolean }) =>
  new TextDecoder("utf-8", { ...options, ignoreBOM: true }).decode(bytes);

/** A header's value as JSON can have it; AMQP also knows bytes, which become base64. */
function jsonSafe(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { base64: value.toString("base64") };
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(jsonSafe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, jsonSafe(part)]));
}
