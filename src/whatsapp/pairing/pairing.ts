import type { EventFields } from "../../announcer.ts";
import type { PairingMethod } from "../../store/session_records.ts";
import { requestPairingCode } from "./pairing_code.ts";
import { qrDataUrl } from "./qr.ts";
import type { Socket } from "../socket/socket.ts";
import type { QrOffer } from "../socket/socket_events.ts";

/** WhatsApp's own lives of a QR: the first of a socket, and those after it. */
const FIRST_QR_MS = 60_000;
const NEXT_QR_MS = 20_000;

/** Options of {@link Pairing}. */
export interface PairingOptions {
  readonly method: PairingMethod;
  /** E.164 digits; a pairing code is for this phone only. */
  readonly phoneNumber: string;
  /** Sockets that may show all their QRs before the session is given up. */
  readonly maxAttempts: number;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  readonly now: () => number;
}

/** What is to be announced for the phone to act on, and until when it is of use. */
export interface Invitation {
  readonly fields: EventFields;
  readonly expiresAtMs: number;
}

/** One request to link a phone. An attempt is one socket's run of QRs, or the one pairing code it can ask for. */
export class Pairing {
  readonly #options: PairingOptions;
  #attempt = 1;
  #qrsShown = 0;
  #latest: Invitation | undefined;

  constructor(options: PairingOptions) {
    this.#options = options;
  }

  /** Whether this is what a command asks for. */
  isFor(method: PairingMethod, phoneNumber: string): boolean {
    return method === this.#options.method && phoneNumber === this.#options.phoneNumber;
  }

  /** The invitation that is out and can still be followed. */
  get latest(): Invitation | undefined {
    return this.#latest !== undefined && this.#latest.expiresAtMs > this.#options.now()
      ? this.#latest
      : undefined;
  }

  /** A new socket: its QRs are counted anew, and what an older one showed is void. */
  begin(): void {
    this.#qrsShown = 0;
    this.#latest = undefined;
  }

  /**
   * Makes an invitation of a QR the server offers; `undefined` when there is nothing new to show.
   *
   * @throws {PairingCodeRefused}
   * @throws {Error} when WhatsApp does not answer the request for a pairing code
   */
  async invite(offer: QrOffer, socket: Socket): Promise<Invitation | undefined> {
    const first = this.#qrsShown++ === 0;
    const lifeMs = this.#options.qrLifetimeMs ?? (first ? FIRST_QR_MS : NEXT_QR_MS);
    if (this.#options.method === "qr") return this.#latest = await this.#picture(offer.qr, lifeMs);
    // A code is good for as long as its socket; the QRs that are offered meanwhile are not shown.
    const restMs = offer.left * (this.#options.qrLifetimeMs ?? NEXT_QR_MS);
    return first ? this.#latest = await this.#code(socket, lifeMs + restMs) : undefined;
  }

  /**
   * A socket has shown all it had, and no phone came.
   *
   * @returns the fields of the event that says so, and whether the session is to be given up
   */
  missed(): { fields: EventFields; givenUp: boolean } {
    const { maxAttempts } = this.#options;
    const missed = this.#options.method === "qr"
      ? "Nobody scanned the QR"
      : "Nobody entered the pairing code";
    if (this.#attempt >= maxAttempts) {
      const fields = {
        action: "error",
        code: "qr_attempts_exhausted",
        error: `${missed} in ${maxAttempts} attempts: the session is removed, send 'create' to start again`,
        attempt: this.#attempt,
        maxAttempts,
      };
      return { fields, givenUp: true };
    }
    const attempt = ++this.#attempt;
    const message = `${missed} in time: attempt ${attempt} of ${maxAttempts}`;
    return { fields: { action: "qr_regenerating", attempt, maxAttempts, message }, givenUp: false };
  }

  async #picture(qr: string, lifeMs: number): Promise<Invitation> {
    const { now, maxAttempts } = this.#options;
    const expiresAt = now() + lifeMs;
    const qrCode = await qrDataUrl(qr);
    const fields = { action: "qr_generated", qrCode, expiresAt, attempt: this.#attempt, maxAttempts };
    return { fields, expiresAtMs: expiresAt };
  }

  async #code({ baileys }: Socket, lifeMs: number): Promise<Invitation> {
    const { now, phoneNumber } = this.#options;
    const expiresAt = now() + lifeMs;
    const pairingCode = await requestPairingCode(baileys, phoneNumber);
    return { fields: { action: "pairing_code", pairingCode, expiresAt }, expiresAtMs: expiresAt };
  }
}
