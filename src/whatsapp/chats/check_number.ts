import { jidNormalizedUser } from "@whiskeysockets/baileys";
import type { ChatAction } from "../../contract/commands.ts";
import type { ChatResult } from "../../contract/command_result.ts";
import { person } from "../identities.ts";
import { BoundedCache } from "../socket/caches.ts";
import type { Socket } from "../socket/socket.ts";
import type { ActionContext } from "./action_context.ts";
import { ActionFailed, FAILURES } from "./failures.ts";

const MINUTE_MS = 60_000;
/** Who has WhatsApp keeps it; who has not may be about to get it. */
const FOUND_LIFETIME_MS = 24 * 60 * MINUTE_MS;
const ABSENT_LIFETIME_MS = 10 * MINUTE_MS;
/** Of each kind, some 300 bytes a number. */
const MOST_REMEMBERED = 10_000;
/** What a number that WhatsApp has restricted may still ask in a minute: asking on is what makes it worse. */
const PER_MINUTE_IF_RESTRICTED = 1;

/** Options of {@link NumberChecks}. */
export interface NumberChecksOptions {
  /** How many phone numbers each number asks WhatsApp for within a minute, as it is at the moment; 0 for any number. */
  readonly perMinute: () => number;
  readonly now: () => number;
}

type Check = ChatResult<"CHECK_NUMBER">;

/**
 * Asks WhatsApp whether a phone number has it. To ask about many is what spammers do and are banned for, so answers are
 * remembered, for all numbers of a worker, and each number asks no faster than it may.
 */
export class NumberChecks {
  readonly #options: NumberChecksOptions;
  readonly #found: BoundedCache;
  readonly #absent: BoundedCache;
  /** When each number has asked within the last minute, in ms since the epoch. */
  readonly #asked = new Map<string, readonly number[]>();

  constructor(options: NumberChecksOptions) {
    this.#options = options;
    const { now } = options;
    this.#found = new BoundedCache({ maxEntries: MOST_REMEMBERED, lifetimeMs: FOUND_LIFETIME_MS, now });
    this.#absent = new BoundedCache({ maxEntries: MOST_REMEMBERED, lifetimeMs: ABSENT_LIFETIME_MS, now });
  }

  /** @throws {ActionFailed} `rate_limited`, with the moment from which on it may ask again */
  async check(
    { phoneNumber }: Pick<ChatAction<"CHECK_NUMBER">, "phoneNumber">,
    { numberId, socket, restricted }: Pick<ActionContext, "numberId" | "socket" | "restricted">,
  ): Promise<Check> {
    const remembered = this.#found.get<Check>(phoneNumber) ?? this.#absent.get<Check>(phoneNumber);
    if (remembered !== undefined) return remembered;
    this.#admit(numberId, restricted);
    const check = await ask(phoneNumber, socket, this.#options.now);
    (check.exists ? this.#found : this.#absent).set(phoneNumber, check);
    return check;
  }

  #admit(numberId: string, restricted: boolean): void {
    const { perMinute, now } = this.#options;
    const allowed = perMinute() || Infinity;
    const most = restricted ? Math.min(PER_MINUTE_IF_RESTRICTED, allowed) : allowed;
    const nowMs = now();
    const asked = (this.#asked.get(numberId) ?? []).filter((atMs) =>
      // A clock that was put back must not count for as long as that.
      atMs > nowMs - MINUTE_MS && atMs <= nowMs
    );
    if (asked.length < most) {
      this.#asked.set(numberId, [...asked, nowMs]);
      return;
    }
    this.#asked.set(numberId, asked);
    throw new ActionFailed({
      code: "rate_limited",
      error: restricted
        ? `WhatsApp has restricted this number: it asks for ${most} phone number in a minute at most`
        : `This number asks for ${most} phone numbers in a minute at most (NUMBER_CHECKS_PER_MINUTE)`,
      retryable: true,
      retryAt: asked[asked.length - most]! + MINUTE_MS,
    });
  }
}

async function ask(phoneNumber: string, { baileys, identities }: Socket, now: () => number): Promise<Check> {
  const found = await baileys.onWhatsApp(phoneNumber);
  // An answer that says of nobody that they are there is an empty list.
  if (found === undefined) throw new ActionFailed(FAILURES.timeout);
  const asked = { phoneNumber: `+${phoneNumber}`, checkedAt: now() };
  const jid = found.find(({ exists }) => exists)?.jid;
  if (jid === undefined) return { ...asked, exists: false, jid: null, lid: null };
  const alias = jid.endsWith("@lid")
    ? await identities.aliasOf(jid)
    : await baileys.signalRepository.lidMapping.getLIDForPN(jidNormalizedUser(jid));
  const { address, lid } = person(jid, alias);
  return { ...asked, exists: true, jid: address, lid };
}
