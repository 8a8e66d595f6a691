import type { Statement } from "../../store/database.ts";
import type { CredentialsUnreadable } from "../signal/auth_state.ts";
import { type Closure, obstacleOf } from "../socket/close_codes.ts";
import type { Exchange } from "./exchange.ts";
import type { Pairing } from "../pairing/pairing.ts";
import type { Retries } from "./retries.ts";
import type { Standing, StandingContext } from "./standing.ts";
import { OUTDATED_SENTENCE, type WebVersion, type WebVersions } from "./web_version.ts";

/** What every reaction is given. */
export interface ReactionsContext extends StandingContext {
  readonly webVersions: WebVersions;
}

/** The session that runs. */
export interface RunOwner {
  readonly standing: Standing;
  /** Aborts when the run is over. */
  readonly signal: AbortSignal;
  /** Ends the session, and the run with it: the credentials are void. `statements` become durable with that. */
  readonly onOver: (statements: readonly Statement[]) => Promise<void>;
}

/** Options of {@link Reactions}. */
export interface ReactionsOptions extends RunOwner {
  readonly pairing: Pairing;
  readonly retries: Retries;
  readonly exchange: Exchange;
}

/** The socket that was closed. */
export interface Ended {
  /** Whether a phone had linked the device when it was opened, */
  readonly wasLinked: boolean;
  /** when it was closed, */
  readonly isLinked: boolean;
  /** and whether the device has ever logged in. */
  readonly hasLoggedIn: boolean;
  readonly webVersion: WebVersion;
}

/** What becomes of a session when its socket is closed: its next state, and when the next socket is due. */
export class Reactions {
  readonly #context: ReactionsContext;
  readonly #options: ReactionsOptions;

  constructor(context: ReactionsContext, options: ReactionsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** @returns when to open the next socket, in ms; `undefined`: never */
  async to(
    closure: Closure,
    { wasLinked, isLinked, hasLoggedIn, webVersion }: Ended,
  ): Promise<number | undefined> {
    const { standing, onOver } = this.#options;
    const { code, reason, reaction } = closure;
    // However the socket ended that a phone was linked on: the next one logs in.
    if (isLinked && !wasLinked && (reaction === "restart" || reaction === "next_qr_attempt")) {
      await standing.enter("connecting");
      return 0;
    }
    switch (reaction) {
      case "next_qr_attempt":
        return await this.#nextQrAttempt();
      case "logged_out":
        if (standing.record.atStart === "log_out") {
          await onOver(standing.event({ action: "logged_out", reason: "logout" }));
          return undefined;
        }
        // Before pairing there is nothing to log out of: WhatsApp only refuses this socket.
        if (!hasLoggedIn) return await this.#pairAnew(closure);
        await onOver(standing.event({ action: "logged_out", reason, code }));
        return undefined;
      case "banned":
        if (!isLinked) return await this.#reconnect(closure, this.#options.retries.afterFailureMs());
        await this.#banned(closure);
        return undefined;
      case "yield":
        return await this.#reconnect(closure, this.#options.retries.afterYieldMs());
      case "refresh_version": {
        // What was good when this link logged in may still be: the next login tells.
        const wasGood = standing.state === "connected";
        await this.#reconnect(closure, 0);
        return wasGood ? this.#options.retries.afterFailureMs() : await this.#refreshVersion(webVersion);
      }
      case "exchange":
        return await this.#exchange();
      case "restart":
      case "reconnect":
        return await this.#reconnect(closure, this.#options.retries.afterFailureMs());
    }
  }

  async #reconnect({ reaction, ...cause }: Closure, pauseMs: number): Promise<number> {
    const { standing } = this.#options;
    const deaf = cause.reason === "deaf";
    if (deaf) standing.vitals.deafSocket();
    this.#options.exchange.lost();
    await standing.enter(
      reaction === "yield" ? "replaced" : "reconnecting",
      this.#options.retries.isNews(JSON.stringify(cause))
        ? standing.event({ action: "disconnected", ...cause, willReconnect: true })
        : [],
      { deaf, obstacle: obstacleOf(cause) },
    );
    return pauseMs;
  }

  async #refreshVersion(webVersion: WebVersion): Promise<number> {
    const { signal, standing } = this.#options;
    if (await this.#context.webVersions.refused(webVersion, signal)) {
      return this.#options.retries.afterFailureMs();
    }
    if (!signal.aborted && this.#options.retries.isNews("client_outdated")) {
      await standing.tell({ action: "error", code: "client_outdated", error: OUTDATED_SENTENCE });
    }
    return this.#options.retries.untilSomebodyActsMs();
  }

  /** Puts a new socket in the place of one that may be deaf. A number that has nothing to say must not seem to be away. */
  async #exchange(): Promise<number> {
    this.#options.exchange.begin();
    await this.#options.standing.enter("connecting", [], { quietly: true });
    return 0;
  }

  /** Whatever there is of credentials, WhatsApp has no device to them: the pairing was cut off before it was complete. */
  async #pairAnew(closure: Closure): Promise<number> {
    const { store } = this.#context;
    await store.commit(store.credentials.forgetting(this.#options.standing.record.numberId));
    return await this.#reconnect(closure, this.#options.retries.afterFailureMs());
  }

  async #nextQrAttempt(): Promise<number | undefined> {
    const { standing, onOver } = this.#options;
    const { fields, givenUp } = this.#options.pairing.missed();
    if (givenUp) {
      await onOver(standing.event(fields));
      return undefined;
    }
    await standing.enter("connecting", standing.event(fields));
    return 0;
  }

  async #banned({ code, reason }: Closure): Promise<void> {
    const { standing } = this.#options;
    await standing.enter("banned", [
      // A restart would show a QR for a number that nobody can link.
      ...standing.updating({ atStart: "banned" }),
      ...standing.event({ action: "logged_out", reason, code }),
      ...this.#context.store.credentials.forgetting(standing.record.numberId),
    ]);
  }

  /** The stored credentials are there and cannot be read. */
  async toUnreadable(error: CredentialsUnreadable): Promise<void> {
    const { standing } = this.#options;
    standing.log.error({ err: error }, "the stored credentials cannot be used and are set aside");
    await standing.enter(
      "unusable",
      standing.event({
        action: "error",
        code: error.code,
        error: `${error.message}: they are kept for a person to look at, 'logout' forgets them`,
      }),
    );
  }
}
