/** What became of every message that was published: nothing may be silent, and nothing forgotten. */

import type { ConsumeMessage, MessageProperties } from "amqplib";
import type { Buffer } from "node:buffer";
import type { Received } from "../backend/backend.ts";

/** A message, where it went, and what came back for it. */
export interface Entry {
  readonly id: string;
  readonly queue: string;
  readonly content: Buffer;
  /** `action`, `status` and `code` of each. */
  readonly answers: string[];
  /** Reasons of its dead letters. */
  readonly deaths: string[];
}

/** Keeps account of messages by the id that answers and dead letters carry. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #open = new Set<Entry>();

  /** Messages without an answer; what is dead has one, too. */
  get open(): ReadonlySet<Entry> {
    return this.#open;
  }

  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  published(queue: string, content: Buffer, id: string): Entry {
    const entry: Entry = { id, queue, content, answers: [], deaths: [] };
    this.#entries.set(id, entry);
    this.#open.add(entry);
    return entry;
  }

  /** To be called with all that the backend gets. */
  readonly received = ({ body, properties }: Received): void => {
    const entry = this.#entries.get(String(properties.correlationId));
    if (entry === undefined) return;
    entry.answers.push([body.action, body.status, body.code].filter(Boolean).join(" "));
    this.#open.delete(entry);
  };

  /** To be called with every dead letter. */
  died({ properties }: ConsumeMessage): void {
    const entry = this.#entries.get(idOf(properties));
    if (entry === undefined) throw new Error(`Nobody published the dead letter ${idOf(properties)}`);
    entry.deaths.push(String(properties.headers?.["x-dead-reason"]));
  }
}

/** How often each thing was said, the most frequent first. */
export function tally(words: readonly string[]): string {
  return Object.entries(Object.groupBy(words, (word) => word))
    .map(([word, same]) => [word, same!.length] as const)
    .toSorted(([, a], [, b]) => b - a)
    .map(([word, count]) => `${count} ${word}`)
    .join(", ");
}

function idOf({ messageId, correlationId }: MessageProperties): string {
  return String(messageId ?? correlationId);
}
