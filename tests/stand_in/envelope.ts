/** An encrypted message on its way from one device to another, and the places it can go. */
import { Buffer } from "node:buffer";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Contact } from "./contact.ts";
import { element } from "./nodes.ts";
import type { PreKeyBundle } from "./prekeys.ts";
import type { StanzaMarks } from "./stanza_marks.ts";

/** A device that can be written to: somebody's phone (device 0) or a linked companion. */
export interface Endpoint {
  /** Whose device it is. */
  readonly owner: Contact;
  readonly deviceId: number;
  /** With the number: `221…@s.whatsapp.net`, or `221…:1@s.whatsapp.net` for a companion. */
  readonly jid: string;
  /** The same device under the account's LID. */
  readonly lid: string;
  takeBundle(): Promise<PreKeyBundle>;
  /** Hands the message over; returns before it is decrypted. */
  deliver(envelope: Envelope): void;
}

/** Whether a conversation goes by phone number or by LID. */
export type Addressing = "pn" | "lid";

/** One device's copy of a message. */
export interface Envelope {
  id: string;
  from: Endpoint;
  addressing: Addressing;
  /** Whether it names the other form of the address, too; default true. */
  showsAlias?: boolean | undefined;
  /** The stanza's type: text, media, reaction, … */
  type: string;
  /** What the stanza of a client said of it. */
  marks?: StanzaMarks | undefined;
  /** `<enc v type count?>` with the ciphertext. */
  enc: BinaryNode;
  /** The group it was written to, and the sender's key for it to whoever does not have that yet, as an `<enc>`. */
  group?: { jid: string; senderKey?: BinaryNode | undefined } | undefined;
  timestampS: number;
  /** The chat, when the message comes from another device of the receiver's own account. */
  chat?: Contact | undefined;
  /** A companion's ADVSignedDeviceIdentity; goes with every `pkmsg` of a companion. */
  deviceIdentity?: Uint8Array | undefined;
  /** The sender's push name. */
  notify?: string | undefined;
  /** `peer` for what an account's devices tell each other. */
  category?: string | undefined;
}

function chatAttributes({ chat, addressing }: Envelope): Record<string, string> {
  if (!chat) return {};
  return addressing === "lid"
    ? { recipient: chat.lid, peer_recipient_pn: chat.jid }
    : { recipient: chat.jid, peer_recipient_lid: chat.lid };
}

function senderAttributes(envelope: Envelope): Record<string, string> {
  const { from, addressing, chat, category, group, showsAlias = true } = envelope;
  const own = addressing === "lid" ? from.lid : from.jid;
  const [alias, role] = [
    addressing === "lid" ? from.owner.jid : from.owner.lid,
    group ? "participant" : "sender",
  ];
  const other = showsAlias ? { [`${role}_${addressing === "lid" ? "pn" : "lid"}`]: alias } : {};
  if (group) return { from: group.jid, participant: own, ...other };
  return chat || category === "peer" ? { from: own } : { from: own, ...other };
}

/** The `<message>` a companion gets. */
export function messageStanza(envelope: Envelope): BinaryNode {
  const { id, type, timestampS, notify, category, enc, group, deviceIdentity, marks } = envelope;
  const attrs = {
    id,
    type,
    t: String(timestampS),
    addressing_mode: envelope.addressing,
    ...senderAttributes(envelope),
    ...chatAttributes(envelope),
    ...(notify && { notify }),
    ...(category && { category }),
    ...(marks?.edit && { edit: marks.edit }),
  };
  const meta = marks?.polltype ? [element("meta", { polltype: marks.polltype })] : [];
  const identity = deviceIdentity ? [element("device-identity", {}, Buffer.from(deviceIdentity))] : [];
  const senderKey = group?.senderKey ? [group.senderKey] : [];
  return element("message", attrs, [...senderKey, enc, ...meta, ...identity]);
}
