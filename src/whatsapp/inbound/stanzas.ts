import {
  type BinaryNode,
  cleanMessage,
  decodeMessageNode,
  getBinaryNodeChildren,
  proto,
  unpadRandomMax16,
  type WAMessage,
} from "@whiskeysockets/baileys";
import type { Logger } from "pino";

/** The account a message came to. */
interface Me {
  readonly id: string;
  readonly lid?: string | undefined;
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

  /**
   * The message a ciphertext was decrypted to, as Baileys builds it from the stanza around it, and those that it holds.
   * Where a stanza has several ciphertexts (the key of a group, then a text) each makes a message of its own.
   *
   * @param plaintext with its padding
   * @returns nothing when it came in no stanza, or is no message: Baileys will say so, too
   */
  messagesOf(ciphertext: Uint8Array, plaintext: Uint8Array, me: Me | undefined): WAMessage[] {
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
  return (response?.peerDataOperationResult ?? []).flatMap(({ placeholderMessageResendResponse: resent }) => {
    if (!resent?.webMessageInfoBytes) return [];
    const info = proto.WebMessageInfo.decode(resent.webMessageInfoBytes);
    return [
      { ...info, key: { ...info.key, participant: info.key?.participant || info.participant } } as WAMessage,
    ];
  });
}

function message(stanza: BinaryNode, plaintext: Uint8Array, { id, lid = "" }: Me): WAMessage {
  const { fullMessage } = decodeMessageNode(stanza, id, lid);
  const content = proto.Message.decode(unpadRandomMax16(plaintext));
  const message: WAMessage = { ...fullMessage, message: content.deviceSentMessage?.message ?? content };
  cleanMessage(message, id, lid);
  return message;
}
