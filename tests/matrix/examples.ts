/**
 * Every kind of message as a backend may publish it, with what its recipient has to see of it. The matrix sends all of
 * them in every way; `docs/messages.md` shows them.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import type { proto } from "@whiskeysockets/baileys";
import type { MessageType } from "../../src/contract/messages.ts";

/** Anybody in an example, by phone number. The first is who gets it in a person's chat; in groups all are members. */
export const PEOPLE: { readonly friend: string; readonly other: string } = {
  friend: "221779999999",
  other: "221778888888",
};

/** WhatsApp ids in examples: what stands for them was there before the example is sent. */
export const IDS: { readonly theirs: string; readonly own: string } = {
  /** A text that the friend wrote, {@linkcode TEXTS}, in the same chat. */
  theirs: "3A0123456789ABCDEF01",
  /** A text that was sent from the number before. The matrix puts the id in that it has there. */
  own: "3EB0123456789ABCDEF0123456789ABCDEF01234",
};

/** The texts of the messages that {@linkcode IDS} name. */
export const TEXTS: { readonly theirs: string; readonly own: string } = {
  theirs: "When do you open?",
  own: "We open at eight.",
};

/** How an example was sent and what stands in it. */
export interface Sent {
  /** The chat's JID, as the sender has it. */
  readonly chat: string;
  readonly isGroup: boolean;
  /** The JIDs that people have in this chat. */
  readonly jids: { readonly number: string; readonly friend: string; readonly other: string };
  /** What {@linkcode IDS} stand for. */
  readonly ids: { readonly theirs: string; readonly own: string };
}

/** One message. */
export interface Example {
  /** Says what is shown, after the type: `TEXT that answers a message`. Unique. */
  readonly name: string;
  readonly type: MessageType;
  /** The body as it is published, but for the number, the recipient and the backend's id. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Where it can be sent. @default everywhere */
  readonly only?: "persons" | "groups";
  /** Fails unless this, decrypted by its recipient, is what was to be sent. */
  expect(message: proto.IMessage, sent: Sent): void | Promise<void>;
}

export const EXAMPLES: readonly Example[] = [
  {
    name: "TEXT",
    type: "TEXT",
    body: { type: "TEXT", content: "Hello!" },
    expect({ extendedTextMessage }) {
      assert.equal(extendedTextMessage?.text, "Hello!");
      assert.equal(extendedTextMessage.contextInfo, null);
      assert.equal(extendedTextMessage.title, "");
    },
  },
  {
    name: "TEXT that mentions somebody",
    type: "TEXT",
    body: {
      type: "TEXT",
      content: `@${PEOPLE.other} please have a look`,
      mentions: [`+${PEOPLE.other}`],
    },
    expect({ extendedTextMessage }, { jids }) {
      const [user] = jids.other.split("@");
      assert.equal(extendedTextMessage?.text, `@${user} please have a look`);
      assert.deepEqual(extendedTextMessage.contextInfo?.mentionedJid, [jids.other]);
    },
  },
  {
    name: "TEXT that answers a message",
    type: "TEXT",
    body: { type: "TEXT", content: "At eight.", quoted: IDS.theirs },
    expect({ extendedTextMessage }, { jids, ids }) {
      assert.equal(extendedTextMessage?.text, "At eight.");
      assertQuotes(extendedTextMessage.contextInfo, { id: ids.theirs, by: jids.friend, text: TEXTS.theirs });
    },
  },
  {
    name: "TEXT that answers a message the worker does not know",
    type: "TEXT",
    body: {
      type: "TEXT",
      content: "As I said.",
      quoted: { messageId: "3EB0AAAAAAAAAAAAAAAAAA", fromMe: true, body: "We never close." },
    },
    expect({ extendedTextMessage }, { jids }) {
      assertQuotes(extendedTextMessage?.contextInfo, {
        id: "3EB0AAAAAAAAAAAAAAAAAA",
        by: jids.number,
        text: "We never close.",
      });
    },
  },
];

/** Fails unless a message answers a text with this id, of this person. */
export function assertQuotes(
  contextInfo: proto.IContextInfo | null | undefined,
  quoted: { id: string; by: string; text: string },
): void {
  const { conversation, extendedTextMessage } = contextInfo?.quotedMessage ?? {};
  assert.deepEqual(
    {
      id: contextInfo?.stanzaId,
      by: contextInfo?.participant,
      text: conversation || extendedTextMessage?.text,
    },
    quoted,
  );
}
