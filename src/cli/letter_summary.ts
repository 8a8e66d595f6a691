import type { DeadLetter } from "../broker/dead_letter_box.ts";
import { maskPhone } from "../contract/addresses.ts";
import {
  isForNumber,
  readHealthCommand,
  readNumberCommand,
  readSessionCommand,
} from "../contract/commands.ts";
import { type Id, isRowId } from "../contract/ids.ts";
import { decodeBody, MAX_SEND_BYTES } from "../contract/json.ts";
import type { About } from "../contract/parsed.ts";
import { renderTable } from "./table.ts";
import { visible } from "./terminal.ts";

/** The longest word of a stranger's that a list shows. */
const LONGEST_WORD = 40;

/** A dead letter as a list shows it: no text of a message, no phone number, nothing that is not needed to choose it. */
export interface LetterSummary {
  readonly id: string;
  /** ISO 8601, or null where the letter does not say. */
  readonly time: string | null;
  readonly reason: string | null;
  /** The queue it was refused at. */
  readonly queue: string | null;
  readonly worker: string | null;
  /** How often it has died. */
  readonly count: number;
  /** What it is, as far as it can be read. */
  readonly subject: Subject;
  readonly bytes: number;
}

/** What a message is about. */
export interface Subject {
  readonly action?: string;
  /** The type of a message to send. */
  readonly type?: string;
  readonly numberId?: Id;
  readonly messageId?: Id;
  /** Why its body cannot be read. */
  readonly unreadable?: string;
}

/** Summarises a letter. */
export function summaryOf({ id, death, message: { content } }: DeadLetter): LetterSummary {
  return {
    id,
    time: word(death.time),
    reason: word(death.reason),
    queue: death.queue,
    worker: word(death.worker),
    count: death.count,
    subject: subjectOf(content),
    bytes: content.byteLength,
  };
}

function subjectOf(content: Uint8Array): Subject {
  const body = decodeBody(content, MAX_SEND_BYTES);
  if (!body.ok) return { unreadable: body.code };
  if (body.value.action === "health_check") {
    const request = readHealthCommand(body.value);
    return { action: "health_check", ...ids(request.ok ? request.value : request.about) };
  }
  if (!isForNumber(body.value)) {
    const command = readSessionCommand(body.value);
    const about = command.ok ? command.value : command.about;
    if (about.action !== undefined) return { action: word(about.action), ...ids(about) };
  }
  const send = readNumberCommand(body.value);
  if (send.ok) return { type: send.value.type, ...ids(send.value) };
  const { action } = send.about;
  return { ...(action !== undefined && { action: word(action) }), ...ids(send.about) };
}

function ids({ numberId, messageId }: Pick<About, "numberId" | "messageId">): Subject {
  return {
    ...(numberId !== undefined && { numberId: safeId(numberId) }),
    ...(messageId !== undefined && { messageId: safeId(messageId) }),
  };
}

/** The id of a row says nothing of anybody; other text may hold a phone number. */
function safeId(id: Id): Id {
  return isRowId(id) ? id : word(String(id));
}

function word(text: string): string;
function word(text: string | null): string | null;
function word(text: string | null): string | null {
  return text === null ? null : visible(maskPhone(text), LONGEST_WORD);
}

const COLUMNS = ["ID", "WHEN", "REASON", "FROM", "WORKER", "DIED", "WHAT", "SIZE"];

/** The summaries as a table. */
export function renderSummaries(letters: readonly LetterSummary[]): string {
  return renderTable(COLUMNS, letters.map(rowOf), ["DIED", "SIZE"]);
}

function rowOf({ id, time, reason, queue, worker, count, subject, bytes }: LetterSummary): string[] {
  return [
    id,
    time?.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$/, "$1 $2Z") ?? "?",
    reason ?? "?",
    visible(queue ?? "?", 80),
    worker ?? "?",
    String(count),
    renderSubject(subject),
    renderSize(bytes),
  ];
}

/** `create, number 6`, or why there is nothing to be said. */
export function renderSubject({ action, type, numberId, messageId, unreadable }: Subject): string {
  const parts = [
    unreadable && `(${unreadable})`,
    action ?? type,
    messageId !== undefined && `message ${messageId}`,
    numberId !== undefined && `number ${numberId}`,
  ].filter(Boolean);
  return parts.length === 0 ? "?" : parts.join(", ");
}

/** `312 B`, `1.5 KiB`. */
export function renderSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const mebi = bytes >= 1024 ** 2;
  return `${(bytes / (mebi ? 1024 ** 2 : 1024)).toFixed(1)} ${mebi ? "MiB" : "KiB"}`;
}
