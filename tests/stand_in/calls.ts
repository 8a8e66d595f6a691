/** Calls, as the server tells a client of them; nobody talks. */
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Contact } from "./contact.ts";
import { newId } from "./outgoing.ts";
import { element } from "./nodes.ts";

/** What happens to a call. */
export type CallChange = "offer" | "preaccept" | "accept" | "reject" | "timeout" | "terminate";

/** What an offer says of a call. */
export interface CallOptions {
  video?: boolean;
  /** `120363…@g.us`. */
  group?: string;
}

/** The `<call>` for a client, by the caller's LID or number as they write. */
export function callStanza(
  { jid, lid, addressing, showsAlias }: Contact,
  { id, change, nowMs, video = false, group }: CallOptions & {
    id: string;
    change: CallChange;
    nowMs: number;
  },
): BinaryNode {
  const from = addressing === "lid" ? lid : jid;
  const timedOut = change === "timeout";
  const attrs = {
    "call-id": id,
    "call-creator": from,
    ...(addressing === "lid" && showsAlias && change === "offer" && { caller_pn: jid }),
    ...(group && change === "offer" && { type: "group", "group-jid": group }),
    ...(timedOut && { reason: "timeout" }),
  };
  const info = element(
    timedOut ? "terminate" : change,
    attrs,
    video && change === "offer" ? [element("video", {})] : [],
  );
  return element("call", { id: newId(), from, t: String(Math.floor(nowMs / 1000)) }, [info]);
}
