/** Groups: who is in them, and how what a client writes reaches everybody. */
import { Buffer } from "node:buffer";
import { getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Companion } from "./companion.ts";
import type { Contact } from "./contact.ts";
import type { Addressing, Endpoint, Envelope } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import { element } from "./nodes.ts";

/** A group. */
export interface Group {
  /** `120363…@g.us`. */
  jid: string;
  members: Contact[];
  /** How its members are named. */
  addressing: Addressing;
}

/** What the server says of a group to who asks. */
export function groupNode({ jid, members, addressing }: Group, nowMs: number): BinaryNode {
  const t = String(Math.floor(nowMs / 1000));
  const [id = ""] = jid.split("@");
  const participants = members.map(({ jid, lid }) =>
    element("participant", addressing === "lid" ? { jid: lid, phone_number: jid } : { jid, lid })
  );
  const attrs = { id, subject: "Group", creation: t, s_t: t, addressing_mode: addressing };
  return element("group", attrs, participants);
}

/** Every device that a client's message to a group is for, each with its own copy. */
export function groupCopies(
  hub: Hub,
  group: Group,
  from: Companion,
  node: BinaryNode,
): [Endpoint, Pick<Envelope, "enc" | "group">][] {
  const enc = getBinaryNodeChild(node, "enc");
  if (!enc) throw new Error(`Message ${node.attrs.id} to a group has no <enc>`);
  const { participant } = node.attrs;
  const keys = new Map<Endpoint | undefined, BinaryNode | undefined>(
    getBinaryNodeChildren(getBinaryNodeChild(node, "participants"), "to")
      .map((to) => [hub.directory.endpoint(to.attrs.jid ?? ""), getBinaryNodeChild(to, "enc")]),
  );
  if (keys.has(undefined)) {
    throw new Error(`Message ${node.attrs.id} has a copy for a device nobody has linked`);
  }
  const devices = participant === undefined
    ? group.members.flatMap((member): Endpoint[] => [member, ...member.companions.values()])
    : [hub.directory.endpoint(participant)!];
  return devices.filter((device) => device !== from).map((device) => [device, {
    // Everybody's own: who damages a copy damages no other.
    enc: { ...enc, content: Buffer.from(enc.content as Uint8Array) },
    group: { jid: group.jid, senderKey: keys.get(device) },
  }]);
}
