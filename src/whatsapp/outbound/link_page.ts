import { Parser } from "htmlparser2";
import type { AddressGuard } from "../media/outgoing/address_guard.ts";
import { guardedFetch, type GuardedResponse } from "../media/outgoing/guarded_fetch.ts";

/** How long a message waits for the page it links to. */
const PAGE_TIMEOUT_MS = 5_000;
/** How much is read of a page: what it is called stands in its head. */
const READ_BYTES = 512 * 1024;
const MAX_TITLE_LENGTH = 300;
const MAX_DESCRIPTION_LENGTH = 1_000;

/** What a page says of itself. */
export interface PageFacts {
  readonly title: string;
  readonly description?: string;
}

/** Options of {@link factsOfPage}. */
export interface PageOptions {
  readonly guard: AddressGuard;
  /** How long all of it may take. @default 5 s */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/**
 * What the page at `url` says of itself, for those who share it (Open Graph) or in its head; undefined of one without a
 * title, and of what is no HTML. No more of it is read than its beginning.
 *
 * @throws {MediaFailure} when it cannot be had; what `signal` was aborted with
 */
export async function factsOfPage(
  url: string,
  { guard, timeoutMs = PAGE_TIMEOUT_MS, signal }: PageOptions,
): Promise<PageFacts | undefined> {
  using response = await guardedFetch(new URL(url), {
    guard,
    maxBytes: Number.MAX_SAFE_INTEGER,
    timeoutMs,
    headers: { accept: "text/html,application/xhtml+xml" },
    signal,
  });
  const { contentType = "" } = response;
  if (!/^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(contentType)) return undefined;
  const head = new Head();
  const decoder = decoderFor(contentType);
  for await (const part of beginningOf(response)) {
    head.read(decoder.decode(part, { stream: true }));
    if (head.isOver) break;
  }
  return head.facts;
}

async function* beginningOf({ body }: GuardedResponse): AsyncGenerator<Uint8Array> {
  let left = READ_BYTES;
  for await (const part of body) {
    yield part.subarray(0, left);
    left -= part.length;
    if (left <= 0) return;
  }
}

function decoderFor(contentType: string): TextDecoder {
  const [, charset = "utf-8"] = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType) ?? [];
  try {
    return new TextDecoder(charset);
  } catch {
    // One that nobody knows; most that is said in such pages is ASCII.
    return new TextDecoder();
  }
}

/** The head of a page, as it is read. */
class Head {
  isOver = false;
  readonly #said = new Map<string, string>();
  #title: string | undefined;
  #isInTitle = false;
  readonly #parser = new Parser({
    onopentag: (name, attributes) => {
      if (name === "body") this.isOver = true;
      if (this.isOver) return;
      // A picture in the page may have a title, too: the first is the page's.
      this.#isInTitle = name === "title" && this.#title === undefined;
      const { property, name: called, content } = attributes;
      const key = (property ?? called)?.toLowerCase();
      if (name === "meta" && key && content && !this.#said.has(key)) this.#said.set(key, content);
    },
    ontext: (text) => {
      if (this.#isInTitle) this.#title = (this.#title ?? "") + text;
    },
    onclosetag: (name) => {
      if (name === "title") this.#isInTitle = false;
      if (name === "head") this.isOver = true;
    },
  });

  read(html: string): void {
    this.#parser.write(html);
  }

  get facts(): PageFacts | undefined {
    const title = oneLine(this.#said.get("og:title"), MAX_TITLE_LENGTH) ??
      oneLine(this.#title, MAX_TITLE_LENGTH);
    if (title === undefined) return undefined;
    const description = oneLine(this.#said.get("og:description"), MAX_DESCRIPTION_LENGTH) ??
      oneLine(this.#said.get("description"), MAX_DESCRIPTION_LENGTH);
    return description === undefined ? { title } : { title, description };
  }
}

/** A text in a line, no longer than it may be; undefined when there is nothing in it. */
function oneLine(text: string | undefined, maxLength: number): string | undefined {
  const line = text?.replace(/[\s\p{Cc}]+/gu, " ").trim() ?? "";
  return line === "" ? undefined : [...line].slice(0, maxLength).join("");
}
