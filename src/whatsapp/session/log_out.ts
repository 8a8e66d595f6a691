import type { Statement } from "../../store/database.ts";
import type { Closure } from "../socket/close_codes.ts";
import type { Socket } from "../socket/socket.ts";
import type { Standing } from "./standing.ts";
import { unlink } from "./unlink.ts";

/** WhatsApp has unlinked the device because it was asked to. */
const UNLINKED: Closure = { code: 401, reason: "logout", reaction: "logged_out" };
/** WhatsApp does not answer a question although the socket is open. */
export const NO_ANSWER: Closure = { code: 408, reason: "connection_lost", reaction: "reconnect" };

/** Options of {@link LogOut}. */
export interface LogOutOptions {
  readonly standing: Standing;
  /** Aborts when the run is over. */
  readonly signal: AbortSignal;
  /** Ends a socket as if it had been closed like this. Resolves when the session has reacted to an unlinked device. */
  readonly drop: (socket: Socket, closure: Closure) => Promise<void>;
  /** Makes a session connected that was opened for the logout alone; `statements` become durable with that. */
  readonly connected: (statements: readonly Statement[]) => Promise<void>;
}

/** Has WhatsApp unlink the device of a session whose record says that it is to be logged out. */
export class LogOut {
  readonly #options: LogOutOptions;
  #underWay: Promise<void> | undefined;

  constructor(options: LogOutOptions) {
    this.#options = options;
  }

  /** Resolves when it is known whether WhatsApp has unlinked the device; `undefined` when it is not being asked. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /**
   * Asks on a socket that is open. Resolves when the session has ended, when WhatsApp has refused (the backend was told),
   * or when it is left to the next socket because no answer came. Never rejects.
   */
  on(socket: Socket): Promise<void> {
    return this.#underWay ??= this.#unlink(socket).catch(async (error) => {
      this.#options.standing.log.error({ err: error }, "a logout failed and is tried again");
      await this.#options.drop(socket, NO_ANSWER);
    }).finally(() => this.#underWay = undefined);
  }

  async #unlink(socket: Socket): Promise<void> {
    const { signal, drop } = this.#options;
    const unlinking = await unlink(socket.baileys);
    if (signal.aborted) return;
    if (unlinking.outcome === "unlinked") return await drop(socket, UNLINKED);
    if (unlinking.outcome === "unknown") return await drop(socket, NO_ANSWER);
    await this.#refused(`${unlinking.code}: ${unlinking.text}`);
  }

  async #refused(why: string): Promise<void> {
    const { standing, connected } = this.#options;
    const error = `WhatsApp refuses to unlink this device (${why}): unlink it on the phone`;
    const telling = standing.event({ action: "error", code: "logout_refused", error });
    if (standing.state === "connected") await standing.update({ atStart: "open" }, telling);
    else await connected([...standing.updating({ atStart: "open" }), ...telling]);
  }
}
