/** A socket where systemd would have one: hears what a service says of itself. */
import { join } from "node:path";

/** One notification: its assignments, e.g. `{ READY: "1", STATUS: "…" }`, and when it came. */
export interface Notification {
  readonly atMs: number;
  readonly said: Readonly<Record<string, string>>;
}

/** Hold it with `await using`. */
export class FakeSystemd implements AsyncDisposable {
  /** All that was heard, oldest first. */
  readonly heard: Notification[] = [];
  readonly #connection: Deno.DatagramConn;
  #grown = Promise.withResolvers<void>();
  readonly #listening: Promise<void>;

  /** @param path in the file system, or `@name` of an abstract socket */
  constructor(readonly path: string) {
    this.#connection = Deno.listenDatagram({ transport: "unixpacket", path: path.replace(/^@/, "\0") });
    this.#listening = this.#listen();
  }

  /** In `folder`, with a watchdog that wants to be fed every `watchdogMs`. */
  static in(folder: string): FakeSystemd {
    return new FakeSystemd(join(folder, "notify"));
  }

  /** What systemd sets for the service. */
  environment(watchdogMs: number): Record<string, string> {
    return { NOTIFY_SOCKET: this.path, WATCHDOG_USEC: String(watchdogMs * 1_000) };
  }

  /** Resolves to the first notification from position `from` on that `matches`. */
  async hears(
    matches: (said: Notification["said"]) => boolean,
    { from = 0, timeoutMs = 20_000 } = {},
  ): Promise<Notification> {
    const timeout = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.heard.slice(from).find(({ said }) => matches(said));
      if (found !== undefined) return found;
      if (timeout.aborted) throw new Error(`systemd did not hear it but: ${JSON.stringify(this.heard)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      timeout.addEventListener("abort", () => resolve(), { once: true });
      await Promise.race([this.#grown.promise, promise]);
    }
  }

  /** As {@link hears}, of a status from now on. */
  async hearsStatus(status: RegExp): Promise<Notification> {
    return await this.hears(({ STATUS: text = "" }) => status.test(text), { from: this.heard.length });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    const text = new TextDecoder();
    for await (const [bytes] of this.#connection) {
      const said = Object.fromEntries(
        text.decode(bytes).split("\n").map((line) => {
          const at = line.indexOf("=");
          return [line.slice(0, at), line.slice(at + 1)];
        }),
      );
      this.heard.push({ atMs: performance.now(), said });
      this.#grown.resolve();
      this.#grown = Promise.withResolvers();
    }
  }
}
