import {
  type BinaryNode,
  getAllBinaryNodeChildren,
  getBinaryNodeChild,
  type WAMessage,
} from "@whiskeysockets/baileys";
import type { Announcer } from "../../announcer.ts";
import { isOwn } from "../identities.ts";
import { BoundedCache } from "../socket/caches.ts";
import type { Inbound, Recipient, Telling } from "./inbound.ts";

/** A call, as far as a backend has to know of it. */
export type CallStatus = "offered" | "accepted" | "rejected" | "missed" | "ended";

/** What a stanza says of a call. */
export interface Call {
  readonly id: string;
  readonly status: CallStatus;
  /** Who calls. */
  readonly from: string;
  /** The caller's number, where `from` is a LID. */
  readonly callerPn: string | undefined;
  /** In seconds. */
  readonly timestampS: number;
  /** Of an offer alone. */
  readonly offer?: Offer | undefined;
}

interface Offer {
  readonly video: boolean;
  readonly group: boolean;
  readonly groupId: string | undefined;
}

/** The changes of a call that are worth telling; the others arrange how it is carried. */
const STATUS_OF: Readonly<Record<string, CallStatus>> = {
  offer: "offered",
  offer_notice: "offered",
  accept: "accepted",
  reject: "rejected",
  terminate: "ended",
};

/** What a `<call>` tells; `undefined` for what is no news of one. */
export function callIn(stanza: BinaryNode): Call | undefined {
  const [info] = getAllBinaryNodeChildren(stanza);
  const status = info && STATUS_OF[info.tag];
  if (info === undefined || status === undefined) return undefined;
  const { attrs } = info;
  const id = attrs["call-id"];
  const from = attrs["call-creator"] || attrs.from || stanza.attrs.from;
  if (!id || !from) return undefined;
  const groupId = attrs["group-jid"];
  return {
    id,
    status: status === "ended" && attrs.reason === "timeout" ? "missed" : status,
    from,
    callerPn: attrs.caller_pn,
    timestampS: Number(stanza.attrs.t) || 0,
    offer: status !== "offered" ? undefined : {
      video: getBinaryNodeChild(info, "video") !== undefined,
      group: attrs.type === "group" || groupId !== undefined,
      groupId,
    },
  };
}

/** Options of {@link Calls}. */
export interface CallsOptions {
  readonly announcer: Announcer;
  readonly inbound: Inbound;
}

/** The calls of one number. */
export class Calls {
  readonly #options: CallsOptions;
  /** What only the offer says of a call. */
  readonly #offers = new BoundedCache({ maxEntries: 200, lifetimeMs: 60 * 60_000 });

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Resolves when the backend is sure to be told of the change, once. */
  async take(call: Call, to: Recipient): Promise<void> {
    const { announcer, inbound } = this.#options;
    if (call.offer !== undefined) this.#offers.set(call.id, call.offer);
    const offer = call.offer ?? this.#offers.get<Offer>(call.id);
    const told = await telling(call, offer, to);
    if (!inbound.wants(told) || await inbound.isTold(told, to)) return;
    await announcer.commit(await inbound.telling(told, to));
  }
}

async function telling(
  { id, status, from, callerPn, timestampS }: Call,
  offer: Offer | undefined,
  { own, identities }: Recipient,
): Promise<Telling> {
  const key: WAMessage["key"] = {
    remoteJid: from,
    id,
    fromMe: isOwn(own, from),
    ...(callerPn === undefined ? {} : { remoteJidAlt: callerPn }),
  };
  await identities.complete({ key });
  const { video = null, group = null, groupId } = offer ?? {};
  const call = { id, status, video, group, ...(groupId === undefined ? {} : { groupId }) };
  return {
    message: { key, ...(timestampS > 0 ? { messageTimestamp: timestampS } : {}) },
    content: { type: "CALL", body: "", fields: { call } },
    aspect: `call ${status}`,
  };
}
