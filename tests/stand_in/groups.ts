/** Groups: who is in them, and how what a client writes reaches everybody. */
import { Buffer } from "node:buffer";
import { getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Companion } from "./companion.ts";
import type { Contact } from "./contact.ts";
import type { Addressing, Endpoint, Envelope } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import { element, type Refused } from "./nodes.ts";

/** A group. */
export interface Group {
  /** `120363…@g.us`. */
  jid: string;
  members: Contact[];
  /** How its members are named. */
  addressing: Addressing;
  /** Its name, default `Group`. */
  subject?: string | undefined;
  description?: string | undefined;
  /** Who made it, and rules it. */
  owner?: Contact | undefined;
  /** Who rules it beside the owner. */
  admins?: readonly Contact[] | undefined;
  /** Only those who rule it may write. */
  announce?: boolean | undefined;
  /** When it was made, in seconds since the epoch; default now. */
  createdAtS?: number | undefined;
}

/** What may be said of a group beside its members. */
export type GroupOptions = Omit<Group, "jid" | "members">;

/** What the server says of a group to who asks. A member whose LID is not in the directory is known by it alone. */
function groupNode(group: Group, nowMs: number): BinaryNode {
  const { jid, members, addressing, subject = "Group", description, owner, admins, announce } = group;
  const t = String(group.createdAtS ?? Math.floor(nowMs / 1000));
  const [id = ""] = jid.split("@");
  const named = ({ jid, lid, lidInDirectory }: Contact) => {
    if (addressing === "pn") return { jid, lid };
    return lidInDirectory ? { jid: lid, phone_number: jid } : { jid: lid };
  };
  const participants = members.map((member) => {
    const type = member === owner ? "superadmin" : admins?.includes(member) ? "admin" : undefined;
    return element("participant", { ...named(member), ...(type && { type }) });
  });
  const creator = owner && { creator: addressing === "lid" ? owner.lid : owner.jid };
  const attrs = { id, subject, creation: t, s_t: t, addressing_mode: addressing, ...creator };
  const about = description === undefined
    ? []
    : [element("description", { id: "1", t }, [element("body", {}, Buffer.from(description))])];
  return element("group", attrs, [
    ...about,
    ...(announce ? [element("announcement")] : []),
    ...participants,
  ]);
}

/** The children of the answer to a query about groups, or what it is refused with. */
export function answerAboutGroups(hub: Hub, who: Contact, request: BinaryNode): BinaryNode[] | Refused {
  const { groupRefusal } = hub.faults;
  if (groupRefusal !== undefined) return { refused: groupRefusal, text: "refused" };
  if (getBinaryNodeChild(request, "participating")) {
    const own = [...hub.groups.values()].filter(({ members }) => members.includes(who));
    return [element("groups", {}, own.map((group) => groupNode(group, hub.now())))];
  }
  const group = hub.groups.get(request.attrs.to ?? "");
  if (group === undefined) return { refused: 404, text: "item-not-found" };
  return group.members.includes(who) ? [groupNode(group, hub.now())] : { refused: 403, text: "forbidden" };
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
