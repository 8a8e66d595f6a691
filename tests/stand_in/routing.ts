/** Messages and receipts clients send: checked, acknowledged, carried to whom they are for. */
import { setTimeout as delay } from "node:timers/promises";
import { getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { ChatState, Receipt } from "./chat_message.ts";
import { Companion } from "./companion.ts";
import type { Endpoint, Envelope } from "./envelope.ts";
import { groupCopies } from "./groups.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { element } from "./nodes.ts";
import { Phone } from "./phone.ts";
import { marksOf } from "./stanza_marks.ts";

/** What the contact gets to hear of a client's receipt; others (sender, peer_msg, hist_sync, …) stay in the account. */
const RECEIPT_TYPES: Record<string, Receipt["type"]> = {
  "": "delivered",
  inactive: "delivered",
  read: "read",
  played: "played",
};

/** The devices a message is for: one each in `<participants>`, or a single `<enc>` for the device it is addressed to. */
function copies(hub: Hub, node: BinaryNode, to: string): [Endpoint, Pick<Envelope, "enc">][] {
  const listed = getBinaryNodeChildren(getBinaryNodeChild(node, "participants"), "to")
    .map((child) => ({ jid: child.attrs.jid ?? "", enc: getBinaryNodeChild(child, "enc") }));
  const single = getBinaryNodeChild(node, "enc");
  const all = single ? [...listed, { jid: to, enc: single }] : listed;
  return all.map(({ jid, enc }) => {
    const device = hub.directory.endpoint(jid);
    if (!device || !enc) {
      throw new Error(`Message ${node.attrs.id} has a copy for ${jid}, which nobody has linked`);
    }
    return [device, { enc }];
  });
}

/** Takes a client's message: refuses it, or acks and delivers it after the delay that is set. */
export function routeMessage(hub: Hub, link: Link, from: Companion, node: BinaryNode): void {
  hub.stats.messages++;
  const { id, to, type } = node.attrs;
  if (!id || !to || !type) throw new Error("Message without id, to or type");
  const group = hub.groups.get(to);
  const chat = hub.directory.byJid(to);
  const acknowledge = (error?: number) => {
    const t = String(Math.floor(hub.now() / 1000));
    link.send(element("ack", { class: "message", id, from: to, t, ...(error && { error: String(error) }) }));
  };
  const { sendRefusal } = hub.faults;
  if (sendRefusal === 463) {
    const isTrusted = getBinaryNodeChild(node, "tctoken") !== undefined;
    const isNew = chat !== undefined && !from.owner.hasMet(chat) && !isTrusted;
    if (isNew && hub.faults.isTimelocked(hub.now())) return acknowledge(463);
  } else if (sendRefusal !== undefined) return acknowledge(sendRefusal);
  if (!chat && !group) return acknowledge(404);
  if (chat) from.owner.meet(chat);
  const deviceIdentity = getBinaryNodeChild(node, "device-identity")?.content as Uint8Array | undefined;
  const addressing = group?.addressing ?? (to.endsWith("@lid") ? "lid" : "pn");
  const devices = group ? groupCopies(hub, group, from, node) : copies(hub, node, to);
  const envelopes = devices.map(([device, copy]): [Endpoint, Envelope] => [device, {
    id,
    from,
    addressing,
    type,
    marks: marksOf(node),
    ...copy,
    timestampS: Math.floor(hub.now() / 1000),
    chat: device.owner === from.owner ? chat : undefined,
    deviceIdentity,
    notify: from.owner.name,
    category: node.attrs.category,
  }]);
  const { ackDelayMs, dropAcks } = hub.faults;
  hub.background(`message ${id}`, async () => {
    if (ackDelayMs > 0) await delay(ackDelayMs, undefined, { signal: hub.closed });
    if (!dropAcks) acknowledge();
    for (const [device, envelope] of envelopes) device.deliver(envelope);
  });
}

/** Takes a client's receipt: the message leaves the mailbox, and who wrote it hears of it. */
export async function routeReceipt(hub: Hub, link: Link, from: Companion, node: BinaryNode): Promise<void> {
  const { id = "", to = "", type = "" } = node.attrs;
  const more = getBinaryNodeChildren(getBinaryNodeChild(node, "list"), "item").map(({ attrs }) =>
    attrs.id ?? ""
  );
  const ids = [id, ...more];
  link.send(element("ack", { class: "receipt", id, from: to, ...(type && { type }) }));
  if (type === "retry") {
    const author = hub.directory.byJid(to);
    hub.stats.retries++;
    const writer = hub.directory.endpoint(to);
    if (writer instanceof Companion) return passOn(from, writer, node);
    const retry = getBinaryNodeChild(node, "retry");
    await author?.retry(from, node, retry?.attrs.count ?? "1");
    return;
  }
  if (type === "server-error") {
    const phone = hub.directory.byJid(to);
    if (!(phone instanceof Phone) || phone !== from.owner) {
      throw new Error(`Receipt ${id} asks ${to} for a medium, which is not the phone of this account`);
    }
    return phone.askedForMedium(from, node);
  }
  for (const each of ids) from.mailbox.confirm("message", each);
  const group = hub.groups.get(to);
  const author = hub.directory.byJid(group === undefined ? to : node.attrs.participant ?? "");
  if (type === "read" || type === "read-self") {
    from.owner.noteReadOnCompanion(ids);
    for (const each of ids.filter((each) => !from.hasFrom(each, to, node.attrs.participant))) {
      hub.stats.violations.push(
        `The receipt for ${each} names ${to} ${node.attrs.participant ?? ""}, which it did not come from`,
      );
    }
  }
  const told = RECEIPT_TYPES[type];
  if (!told || !author || author === from.owner) return;
  author.noteReceipt(ids, told);
  const own = (group?.addressing ?? (to.endsWith("@lid") ? "lid" : "pn")) === "lid" ? from.lid : from.jid;
  const attrs = {
    id,
    ...(group === undefined ? { from: own } : { from: to, participant: own }),
    t: String(Math.floor(hub.now() / 1000)),
    ...(told !== "delivered" && { type: told }),
  };
  for (const device of author.companions.values()) {
    device.mailbox.put(element("receipt", attrs, Array.isArray(node.content) ? node.content : undefined));
  }
}

/** Shows to whoever is in a chat what somebody does in it. */
export function routeChatState(hub: Hub, from: Companion, { attrs: { to = "" }, content }: BinaryNode): void {
  const [does] = Array.isArray(content) ? content : [];
  const state = does?.tag === "composing" && does.attrs.media === "audio" ? "recording" : does?.tag;
  if (state !== "composing" && state !== "recording" && state !== "paused") {
    throw new Error(`A chat state <${state}> is none`);
  }
  const group = hub.groups.get(to);
  const others = group?.members ?? [hub.directory.byJid(to)];
  const seen: ChatState = { from: from.owner.jid, chat: to, state, messagesBefore: hub.stats.messages };
  for (const other of others) {
    if (other !== from.owner) other?.noteChatState(seen);
  }
}

/** Gives one companion's receipt to the one it is for. */
function passOn(
  from: Companion,
  to: Companion,
  { attrs: { to: address = "", ...attrs }, content }: BinaryNode,
): void {
  to.mailbox.put(
    element("receipt", { ...attrs, from: address.endsWith("@lid") ? from.lid : from.jid }, content),
  );
}

/** The error of an ack for a message that was asked for again, in a receipt of its own. */
const ASKED_AGAIN = "500";

/** Takes a client's ack: what it names leaves the mailbox, refused messages included. */
export function takeAck(hub: Hub, from: Companion, node: BinaryNode): void {
  const { error = ASKED_AGAIN } = node.attrs;
  if (node.attrs.class === "message" && error !== ASKED_AGAIN) hub.stats.turnedDown++;
  from.mailbox.confirm(node.attrs.class ?? "", node.attrs.id ?? "");
}
