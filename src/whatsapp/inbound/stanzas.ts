import {
  type BinaryNode,
  cleanMessage,
  decodeMessageNode,
  getBinaryNodeChildren,
  normalizeMessageContent,
  proto,
  unpadRandomMax16,
  type WAMessage,
} from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import { contentOf } from "./content.ts";
import { unreadFields } from "./unread_fields.ts";

/** The account a message came to. */
interface Me {
  readonly id: string;
  readonly lid?: string | undefined;
}

/** A message as it was decrypted. */
export interface ReadMessage extends WAMessage {
  /** The numbers of fields that Baileys does not know, where it knows none that a person has to do with. */
  readonly unreadFields?: readonly number[];
}

/** The stanzas that came in, found by the ciphertexts they hold: Baileys passes on the very same bytes. */
export class Stanzas {
  readonly #byCiphertext = new WeakMap<Uint8Array, BinaryNode>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Remembers a `<message>` for as long as somebody holds what is encrypted in it. */
  add(stanza: BinaryNode): void {
    for (const { content } of getBinaryNodeChildren(stanza, "enc")) {
      if (content instanceof Uint8Array) this.#byCiphertext.set(content, stanza);
    }
  }

  /** The message around a ciphertext that could not be decrypted. */
  undecrypted(ciphertext: Uint8Array, me: Me | undefined): WAMessage | undefined {
    const stanza = this.#byCiphertext.get(ciphertext);
    if (stanza === undefined || me === undefined) return undefined;
    const { fullMessage } = decodeMessageNode(stanza, me.id, me.lid ?? "");
    cleanMessage(fullMessage, me.id, me.lid ?? "");
    return fullMessage;
  }

  /**
   * The message a ciphertext was decrypted to, as Baileys builds it from the stanza around it, and those that it holds.
   * Where a stanza has several ciphertexts (the key of a group, then a text) each makes a message of its own.
   *
   * @param plaintext with its padding
   * @returns nothing when it came in no stanza, or is no message: Baileys will say so, too
   */
  messagesOf(ciphertext: Uint8Array, plaintext: Uint8Array, me: Me | undefined): ReadMessage[] {
    const stanza = this.#byCiphertext.get(ciphertext);
    if (stanza === undefined || me === undefined) return [];
    try {
      const decrypted = message(stanza, plaintext, me);
      return [decrypted, ...resentIn(decrypted)];
    } catch (error) {
      this.#log.warn({ err: error, id: stanza.attrs.id }, "what was decrypted is no message");
      return [];
    }
  }
}

/** What the own phone hands on of messages that this device was given without their content: from ads, for one. */
function resentIn({ key, message }: WAMessage): WAMessage[] {
  const { peerDataOperationRequestResponseMessage: response } = message?.protocolMessage ?? {};
  // Anybody could say so.
  if (!key.fromMe) return [];
  // One that is in it twice would be told twice in one commit, which cannot be.
  const messages = new Map<string, WAMessage>();
  for (const { placeholderMessageResendResponse: resent } of response?.peerDataOperationResult ?? []) {
    if (!resent?.webMessageInfoBytes) continue;
    const info = proto.WebMessageInfo.decode(resent.webMessageInfoBytes);
    const key = { ...info.key, participant: info.key?.participant || info.participant };
    messages.set(JSON.stringify([key.remoteJid, key.id]), { ...info, key } as WAMessage);
  }
  return [...messages.values()];
}

function message(stanza: BinaryNode, plaintext: Uint8Array, { id, lid = "" }: Me): ReadMessage {
  const { fullMessage } = decodeMessageNode(stanza, id, lid);
  const bytes = unpadRandomMax16(plaintext);
  const content = proto.Message.decode(bytes);
  const message: WAMessage = { ...fullMessage, message: sentElsewhere(content) ?? content };
  clean(message, id, lid);
  const mayHoldMore = stanza.attrs.category !== "peer" && contentOf(message.message) === undefined;
  return mayHoldMore ? { ...message, unreadFields: unreadFields(bytes, content) } : message;
}

/** What another device of the account has sent, with what stands beside it. */
function sentElsewhere(
  { deviceSentMessage, messageContextInfo }: proto.IMessage,
): proto.IMessage | undefined {
  const { message } = deviceSentMessage ?? {};
  if (!message) return undefined;
  if (messageContextInfo && !message.messageContextInfo) message.messageContextInfo = messageContextInfo;
  return message;
}

/** Turns the keys in it to this account's view, which Baileys cannot do where there is none. */
function clean(message: WAMessage, id: string, lid: string): void {
  const { reactionMessage, pollUpdateMessage } = normalizeMessageContent(message.message) ?? {};
  if (reactionMessage) reactionMessage.key ??= {};
  if (pollUpdateMessage) pollUpdateMessage.pollCreationMessageKey ??= {};
  cleanMessage(message, id, lid);
}
