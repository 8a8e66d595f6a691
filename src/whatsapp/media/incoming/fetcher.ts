import { isJidNewsletter } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { StoredMedia } from "../../../store/media.ts";
import { NoRoom } from "../../../store/media_files.ts";
import { pause } from "../../../waiting.ts";
import type { Socket } from "../../socket/socket.ts";
import type { MediaUpdate } from "../../socket/socket_events.ts";
import { MediaDamaged } from "../cipher.ts";
import { MediaGone, MediaTooLarge } from "./download.ts";
import { MediaFetching, type MediaFetchingOptions } from "./fetching.ts";
import { askPhone, phoneAnswer } from "./phone.ts";

/** How many media are fetched at a time, and how many of one number: those of the others do not wait for it. */
const AT_ONCE = 4;
const AT_ONCE_A_NUMBER = 2;
/** How often a medium is tried to be had, over three days and more, and after how long it is not any more. */
const MAX_ATTEMPTS = 30;
const MAX_AGE_MS = 14 * 24 * 60 * 60_000;
const LONGEST_PAUSE_MS = 4 * 60 * 60_000;

/** How long what waits is waited for. */
export interface MediaTimings {
  /** Between looks for media whose time has come. @default 5 s */
  readonly pollMs: number;
  /** After the first failed attempt; twice as long after each further one, up to four hours. @default 2 s */
  readonly retryMs: number;
  /** Until a phone that has not answered is asked again, at least; also at a login. @default 10 min */
  readonly askAgainMs: number;
  /** Until a disk without room is tried again. @default 1 min */
  readonly noRoomMs: number;
}

const TIMINGS: MediaTimings = {
  pollMs: 5_000,
  retryMs: 2_000,
  askAgainMs: 10 * 60_000,
  noRoomMs: 60_000,
};

/** Options of {@link MediaFetcher}. */
export interface MediaFetcherOptions extends MediaFetchingOptions {
  /** The sockets of the numbers that are connected. */
  readonly sockets: () => ReadonlyMap<string, Socket>;
  readonly timings?: Partial<MediaTimings> | undefined;
  readonly log: Logger;
}

/** Told what may end a wait; none of it is waited for, and none rejects. */
export interface MediaNews {
  /** There is a new medium to be fetched, durably. */
  wake(): void;
  /** A number has logged in. */
  opened(numberId: string): void;
  /** A number's phone has answered. */
  answered(numberId: string, update: MediaUpdate): void;
}

/**
 * Fetches what is to be fetched of the media of messages that came in, a few at a time, while their numbers are connected.
 * What waits is in the store alone; nothing is lost with the process.
 */
export class MediaFetcher implements MediaNews {
  readonly #options: MediaFetcherOptions;
  readonly #timings: MediaTimings;
  readonly #fetching: MediaFetching;
  readonly #inHand = new Map<string, { readonly numberId: string; readonly done: Promise<void> }>();
  #woken = new AbortController();
  #isRoomMissing = false;

  constructor(options: MediaFetcherOptions) {
    this.#options = options;
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#fetching = new MediaFetching(options);
  }

  wake(): void {
    this.#woken.abort();
  }

  opened(numberId: string): void {
    this.#afterwards(
      "looking for a number's media",
      () => this.#options.store.media.hurry(numberId, this.#timings.askAgainMs),
    );
  }

  answered(numberId: string, update: MediaUpdate): void {
    this.#afterwards("taking what a phone says of a medium", () => this.#take(numberId, update));
  }

  /** Fetches until `signal` aborts. Resolves when nothing is in hand any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    await store.media.sweep({ atStart: true }).catch((err) =>
      log.warn({ err }, "what an earlier run has left of media could not be removed")
    );
    while (!signal.aborted) {
      this.#woken = new AbortController();
      try {
        while (await this.#begin(signal));
      } catch (err) {
        log.error({ err }, "no media could be looked for");
      }
      await pause(this.#timings.pollMs, AbortSignal.any([signal, this.#woken.signal]));
    }
    await Promise.all([...this.#inHand.values()].map(({ done }) => done));
  }

  /** Takes what is due, as far as there are hands. @returns whether there may be more */
  async #begin(signal: AbortSignal): Promise<boolean> {
    const { store, sockets, now } = this.#options;
    const limit = AT_ONCE - this.#inHand.size;
    // While nothing can be written down nothing could be settled.
    if (signal.aborted || limit <= 0 || store.room.failingForMs !== undefined) return false;
    const connected = sockets();
    const numberIds = [...connected.keys()].filter((id) => this.#handsOf(id) < AT_ONCE_A_NUMBER);
    const exceptIds = [...this.#inHand.keys()];
    const overdueBeforeMs = now() - MAX_AGE_MS;
    const due = await store.media.due({ numberIds, overdueBeforeMs, exceptIds, limit });
    let begun = false;
    for (const media of due) {
      const { id, numberId } = media;
      if (this.#handsOf(numberId) >= AT_ONCE_A_NUMBER) continue;
      const done = this.#attempt(media, connected.get(numberId), signal).finally(() => {
        this.#inHand.delete(id);
        this.wake();
      });
      this.#inHand.set(id, { numberId, done });
      begun = true;
    }
    return begun;
  }

  #handsOf(numberId: string): number {
    return [...this.#inHand.values()].filter((hand) => hand.numberId === numberId).length;
  }

  /** Never rejects. */
  async #attempt(media: StoredMedia, socket: Socket | undefined, signal: AbortSignal): Promise<void> {
    const { id, numberId } = media;
    const log = this.#options.log.child({ numberId, mediaId: id });
    try {
      await this.#try(media, socket, signal);
    } catch (error) {
      // Told to stop, it is taken up by the next start as if nothing had been.
      if (signal.aborted) return;
      try {
        await this.#failed(media, error, log);
      } catch (err) {
        log.error({ err }, "what has become of a medium could not be written down");
      }
    }
  }

  async #try(media: StoredMedia, socket: Socket | undefined, signal: AbortSignal): Promise<void> {
    const { limits, now } = this.#options;
    if (media.attempts >= MAX_ATTEMPTS || now() - media.createdAtMs > MAX_AGE_MS) {
      const why = media.directPath === undefined
        ? "WhatsApp has it no more, and the number's phone did not upload it again: is it switched on and online?"
        : "WhatsApp's media hosts did not hand it over";
      return await this.#fetching.giveUp(media, "given_up", `The medium was given up: ${why}`);
    }
    if (media.mediaKey === undefined && !isJidNewsletter(media.chat)) {
      const error = "The message has no key to its medium: nobody can read it";
      return await this.#fetching.giveUp(media, "no_key", error);
    }
    if (socket === undefined) return;
    if (media.directPath === undefined) return await this.#ask(media, socket);
    await this.#fetching.fetch(media, socket, signal);
    this.#isRoomMissing = false;
    await this.#bound(limits.keepBytes, signal);
  }

  /** Written down first: the answer may be faster than that. */
  async #ask(media: StoredMedia, socket: Socket): Promise<void> {
    const { store, now } = this.#options;
    if (media.mediaKey === undefined) {
      return await this.#fetching.giveUp(media, "not_found", "WhatsApp has the medium no more");
    }
    const pauseMs = Math.max(this.#pauseMs(media), this.#timings.askAgainMs);
    await store.media.postpone(media, now() + pauseMs);
    await askPhone(socket, media);
  }

  async #failed(media: StoredMedia, error: unknown, log: Logger): Promise<void> {
    const { store, now } = this.#options;
    if (error instanceof NoRoom) {
      if (!this.#isRoomMissing) log.error({ err: error }, "there is no room for media; messages go on");
      this.#isRoomMissing = true;
      return await store.media.postpone(media, now() + this.#timings.noRoomMs, { counts: false });
    }
    if (error instanceof MediaTooLarge) {
      const remedy = "to take it, raise MEDIA_MAX_SIZE and MEDIA_KEEP_SIZE";
      return await this.#fetching.giveUp(media, "too_large", `${error.message}: ${remedy}`);
    }
    // What is damaged for the second time was so when it was uploaded.
    const isGone = error instanceof MediaGone || (error instanceof MediaDamaged && media.attempts > 0);
    const pauseMs = isGone ? 0 : this.#pauseMs(media);
    log.info({ err: error, attempts: media.attempts, isGone, pauseMs }, "a medium could not be had");
    await store.media.postpone(media, now() + pauseMs, { isGone });
  }

  async #take(numberId: string, update: MediaUpdate): Promise<void> {
    const { store, log } = this.#options;
    if (!update.key.id) return;
    for (const media of await store.media.pendingOf(numberId, update.key.id)) {
      const answer = phoneAnswer(update, media);
      log.info({ numberId, mediaId: media.id, outcome: answer.outcome }, "a phone was asked for a medium");
      if (answer.outcome === "uploaded") await store.media.found(media.id, answer.directPath);
      if (answer.outcome === "not_found") {
        const error = "WhatsApp has the medium no more, nor has the number's phone";
        await this.#fetching.giveUp(media, "not_found", error);
      }
    }
  }

  /** Not only by the clock: more may come in minutes than is to be kept. */
  async #bound(keepBytes: number, signal: AbortSignal): Promise<void> {
    const { bytes } = await this.#options.store.media.count();
    if (bytes > keepBytes) await this.#options.store.media.bound(keepBytes, signal);
  }

  #pauseMs({ attempts }: StoredMedia): number {
    return Math.min(this.#timings.retryMs * 2 ** attempts, LONGEST_PAUSE_MS);
  }

  #afterwards(what: string, work: () => Promise<void>): void {
    work().then(() => this.wake(), (err) => this.#options.log.error({ err }, `media: failed at ${what}`));
  }
}
