import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  S_WHATSAPP_NET,
} from "@whiskeysockets/baileys";
import type { MediaConnection } from "./outgoing/upload.ts";

/** How long an answer is believed that does not say so itself, or says something absurd. */
const USUAL_LIFETIME_S = 300;
const LONGEST_LIFETIME_S = 24 * 60 * 60;

/** Asks a question of WhatsApp's server, as Baileys does: nothing is an answer that did not come in time. */
export type Query = (question: BinaryNode) => Promise<BinaryNode | undefined>;

/**
 * The media hosts that WhatsApp's server names on one socket. Baileys' own `refreshMediaConn` keeps a question that failed:
 * with one that was not answered in time it would never ask again, and no medium could be sent until the next login.
 */
export class MediaHosts {
  readonly #query: Query;
  #asking: Promise<MediaConnection> | undefined;
  #known: MediaConnection | undefined;
  /** By a clock that nobody puts back. */
  #knownUntilMs = 0;

  constructor(query: Query) {
    this.#query = query;
  }

  /** What the server said last, however long ago. */
  get last(): MediaConnection | undefined {
    return this.#known;
  }

  /**
   * What the server says, or has said and not taken back since.
   *
   * @param force it is asked whatever it has said
   * @throws {Error} when it refuses, or says nothing that could be understood in time
   */
  async ask(force = false): Promise<MediaConnection> {
    if (this.#known !== undefined && !force && performance.now() < this.#knownUntilMs) return this.#known;
    // Whoever asks at the same time is told the same.
    this.#asking ??= this.#ask().finally(() => this.#asking = undefined);
    return await this.#asking;
  }

  async #ask(): Promise<MediaConnection> {
    const question = { type: "set", xmlns: "w:m", to: S_WHATSAPP_NET };
    const result = await this.#query({
      tag: "iq",
      attrs: question as never,
      content: [{ tag: "media_conn", attrs: {} }],
    });
    const answer = result && getBinaryNodeChild(result, "media_conn");
    if (answer === undefined) throw new Error("WhatsApp's server did not name its media hosts");
    const { auth = "", ttl } = answer.attrs;
    const hosts = getBinaryNodeChildren(answer, "host").flatMap((
      { attrs: { hostname, maxContentLengthBytes } },
    ) => hostname ? [{ hostname, maxContentLengthBytes: Number(maxContentLengthBytes) || 0 }] : []);
    const lifetimeS = Number(ttl) > 0 ? Math.min(Number(ttl), LONGEST_LIFETIME_S) : USUAL_LIFETIME_S;
    // Without a host there is nothing to remember: the next one may be told more.
    if (hosts.length > 0) {
      this.#known = { auth, hosts };
      this.#knownUntilMs = performance.now() + lifetimeS * 1000;
    }
    return { auth, hosts };
  }
}
