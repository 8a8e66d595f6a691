/**
 * Every kind of message as a backend may publish it, with what its recipient has to see of it. The matrix sends all of
 * them in every way; `docs/messages.md` shows them.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import type { proto } from "@whiskeysockets/baileys";
import type { MessageType } from "../../src/contract/messages.ts";
import type { MediaHost } from "../stand_in/media_host.ts";
import { FILES, mediaExamples } from "./media_examples.ts";

/** Anybody in an example, by phone number. The first is who gets it in a person's chat; in groups all are members. */
export const PEOPLE: { readonly friend: string; readonly other: string } = {
  friend: "221779999999",
  other: "221778888888",
};

/** WhatsApp ids in examples: what stands for them was there before the example is sent. */
export const IDS: { readonly theirs: string; readonly own: string; readonly forgotten: string } = {
  /** A text that the friend wrote, {@linkcode TEXTS}, in the same chat. */
  theirs: "3A0123456789ABCDEF01",
  /** A text that was sent from the number before. The matrix puts the id in that it has there. */
  own: "3EB0123456789ABCDEF0123456789ABCDEF01234",
  /** Nothing: the worker knows no such message any more. */
  forgotten: "3EB0FEDCBA9876543210",
};

/** The texts of the messages that {@linkcode IDS} name. */
export const TEXTS: { readonly theirs: string; readonly own: string } = {
  theirs: "When do you open?",
  own: "We open at eight.",
};

/** A page that an example links to. */
export const PAGE: { readonly name: string; readonly html: string } = {
  name: "menu.html",
  html: "<title>Menu</title><meta property='og:title' content='Menu of the day'>" +
    "<meta name='description' content='What we cook'>",
};

/** How an example was sent and what stands in it. */
export interface Sent {
  /** The chat's JID, as the sender has it. */
  readonly chat: string;
  readonly isGroup: boolean;
  /** The JIDs that people have in this chat. */
  readonly jids: { readonly number: string; readonly friend: string; readonly other: string };
  /** Where media were brought to. */
  readonly media: MediaHost;
  /** What {@linkcode IDS} stand for. */
  readonly ids: { readonly theirs: string; readonly own: string };
  /** What the message says of when it was made, in ms since the epoch, if it says so. */
  readonly timeMs: string | undefined;
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
    expect: (message) => assertIs(message, { extendedTextMessage: { text: "Hello!" } }),
  },
  {
    name: "TEXT that mentions somebody",
    type: "TEXT",
    body: {
      type: "TEXT",
      content: `@${PEOPLE.other} please have a look`,
      mentions: [`+${PEOPLE.other}`],
    },
    expect: (message, { jids }) =>
      assertIs(message, {
        extendedTextMessage: {
          text: `@${user(jids.other)} please have a look`,
          contextInfo: { mentionedJid: [jids.other] },
        },
      }),
  },
  {
    name: "TEXT that answers a message",
    type: "TEXT",
    body: { type: "TEXT", content: "At eight.", quoted: IDS.theirs },
    expect: (message, sent) =>
      assertIs(message, { extendedTextMessage: { text: "At eight.", contextInfo: answersTheirs(sent) } }),
  },
  {
    name: "TEXT that answers a message the worker does not know",
    type: "TEXT",
    body: {
      type: "TEXT",
      content: "As I said.",
      quoted: { messageId: IDS.forgotten, fromMe: true, body: "We never close." },
    },
    expect: (message, { jids }) =>
      assertIs(message, {
        extendedTextMessage: {
          text: "As I said.",
          contextInfo: {
            stanzaId: IDS.forgotten,
            participant: jids.number,
            quotedMessage: { conversation: "We never close." },
          },
        },
      }),
  },
  {
    name: "TEXT with a link preview",
    type: "TEXT",
    body: {
      type: "TEXT",
      content: "The menu: https://example.com/menu?day=1",
      linkPreview: { title: "Menu", description: "What we cook today" },
    },
    expect: (message) =>
      assertIs(message, {
        extendedTextMessage: {
          text: "The menu: https://example.com/menu?day=1",
          matchedText: "https://example.com/menu?day=1",
          title: "Menu",
          description: "What we cook today",
          previewType: "NONE",
        },
      }),
  },
  {
    name: "TEXT with the link preview that its page gives",
    type: "TEXT",
    body: { type: "TEXT", content: `The menu: ${FILES}/${PAGE.name}`, linkPreview: true },
    expect: (message) => {
      const text = message.extendedTextMessage?.text ?? "";
      const [, matchedText] = /^The menu: (http\S+)$/.exec(text) ?? [];
      assert.ok(matchedText);
      assertIs(message, {
        extendedTextMessage: {
          text,
          matchedText,
          title: "Menu of the day",
          description: "What we cook",
          previewType: "NONE",
        },
      });
    },
  },
  {
    name: "LOCATION",
    type: "LOCATION",
    body: {
      type: "LOCATION",
      latitude: 14.6937,
      longitude: "-17.44406",
      name: "Our shop",
      address: "12 Avenue Pompidou, Dakar",
    },
    expect: (message) =>
      assertIs(message, {
        locationMessage: {
          degreesLatitude: 14.6937,
          degreesLongitude: -17.44406,
          name: "Our shop",
          address: "12 Avenue Pompidou, Dakar",
        },
      }),
  },
  {
    name: "LOCATION that answers a message",
    type: "LOCATION",
    body: { type: "LOCATION", location: { latitude: 0, longitude: 0 }, quoted: IDS.theirs },
    expect: (message, sent) =>
      assertIs(message, {
        locationMessage: { degreesLatitude: 0, degreesLongitude: 0, contextInfo: answersTheirs(sent) },
      }),
  },
  {
    name: "CONTACT",
    type: "CONTACT",
    body: {
      type: "CONTACT",
      contact: {
        name: "Awa Diop",
        phoneNumber: "+221 77 111 11 11",
        organization: "Diop; Sons, Ltd.",
        email: "awa@example.com",
      },
    },
    expect: (message) =>
      assertIs(message, {
        contactMessage: {
          displayName: "Awa Diop",
          vcard: card(
            "N:;Awa Diop;;;",
            "FN:Awa Diop",
            "ORG:Diop\\; Sons\\, Ltd.",
            "TEL;type=CELL;waid=221771111111:+221771111111",
            "EMAIL;type=INTERNET:awa@example.com",
          ),
        },
      }),
  },
  {
    name: "CONTACT with several cards",
    type: "CONTACT",
    body: {
      type: "CONTACT",
      contacts: [
        { name: "Awa", phoneNumbers: ["+221771111111", "+221772222222"] },
        { name: "Binta", phoneNumber: "221773333333" },
      ],
      quoted: IDS.theirs,
    },
    expect: (message, sent) =>
      assertIs(message, {
        contactsArrayMessage: {
          displayName: "2 contacts",
          contacts: [
            {
              displayName: "Awa",
              vcard: card(
                "N:;Awa;;;",
                "FN:Awa",
                "TEL;type=CELL;waid=221771111111:+221771111111",
                "TEL;type=CELL;waid=221772222222:+221772222222",
              ),
            },
            {
              displayName: "Binta",
              vcard: card("N:;Binta;;;", "FN:Binta", "TEL;type=CELL;waid=221773333333:+221773333333"),
            },
          ],
          contextInfo: answersTheirs(sent),
        },
      }),
  },
  {
    name: "REACTION to a message that came in",
    type: "REACTION",
    body: { type: "REACTION", content: "👍🏾", target: IDS.theirs },
    expect: (message, sent) =>
      assertIs(message, {
        reactionMessage: { key: theirKey(sent), text: "👍🏾", senderTimestampMs: sent.timeMs },
      }),
  },
  {
    name: "REACTION to a message of one's own",
    type: "REACTION",
    body: { type: "REACTION", content: "🇸🇳", target: IDS.own },
    expect: (message, sent) =>
      assertIs(message, {
        reactionMessage: { key: ownKey(sent), text: "🇸🇳", senderTimestampMs: sent.timeMs },
      }),
  },
  {
    name: "REACTION to a message the worker does not know",
    type: "REACTION",
    body: {
      type: "REACTION",
      content: "❤️",
      target: { messageId: IDS.forgotten, participant: `+${PEOPLE.friend}` },
    },
    expect: (message, sent) =>
      assertIs(message, {
        reactionMessage: {
          key: { ...theirKey(sent), id: IDS.forgotten },
          text: "❤️",
          senderTimestampMs: sent.timeMs,
        },
      }),
  },
  {
    name: "REACTION that is taken back",
    type: "REACTION",
    body: { type: "REACTION", content: null, target: IDS.theirs },
    expect: (message, sent) =>
      assertIs(message, {
        reactionMessage: { key: theirKey(sent), text: "", senderTimestampMs: sent.timeMs },
      }),
  },
  {
    name: "POLL",
    type: "POLL",
    body: { type: "POLL", content: "Which day?", options: ["Monday", "Tuesday", "Never"] },
    expect: (message) =>
      assertIs(message, {
        pollCreationMessageV3: {
          name: "Which day?",
          options: [{ optionName: "Monday" }, { optionName: "Tuesday" }, { optionName: "Never" }],
          selectableOptionsCount: 1,
        },
      }),
  },
  {
    name: "POLL of which several options may be chosen",
    type: "POLL",
    body: {
      type: "POLL",
      content: "What do you like?",
      options: ["Rice", "Fish"],
      selectableCount: 0,
      quoted: IDS.own,
    },
    expect: (message, sent) =>
      assertIs(message, {
        pollCreationMessage: {
          name: "What do you like?",
          options: [{ optionName: "Rice" }, { optionName: "Fish" }],
          selectableOptionsCount: 0,
          contextInfo: answersOwn(sent),
        },
      }),
  },
  {
    name: "EDIT",
    type: "EDIT",
    body: { type: "EDIT", content: "We open at nine.", target: IDS.own },
    expect: (message, sent) =>
      assertIs(message, {
        protocolMessage: {
          key: ownKey(sent),
          type: "MESSAGE_EDIT",
          editedMessage: { extendedTextMessage: { text: "We open at nine." } },
          timestampMs: sent.timeMs,
        },
      }),
  },
  {
    name: "EDIT of a message the worker does not know",
    type: "EDIT",
    body: {
      type: "EDIT",
      content: `We open at ten, @${PEOPLE.other}.`,
      mentions: [PEOPLE.other],
      target: { messageId: IDS.forgotten, fromMe: true },
    },
    expect: (message, sent) =>
      assertIs(message, {
        protocolMessage: {
          key: { ...ownKey(sent), id: IDS.forgotten },
          type: "MESSAGE_EDIT",
          editedMessage: {
            extendedTextMessage: {
              text: `We open at ten, @${user(sent.jids.other)}.`,
              contextInfo: { mentionedJid: [sent.jids.other] },
            },
          },
          timestampMs: sent.timeMs,
        },
      }),
  },
  {
    name: "FORWARD",
    type: "FORWARD",
    body: { type: "FORWARD", target: IDS.theirs },
    expect: (message) =>
      assertIs(message, {
        extendedTextMessage: {
          text: TEXTS.theirs,
          contextInfo: { isForwarded: true, forwardingScore: 1 },
        },
      }),
  },
  ...mediaExamples({ id: IDS.theirs, contextInfo: answersTheirs }),
  // Last: what is taken back is not known any more.
  {
    name: "DELETE",
    type: "DELETE",
    body: { type: "DELETE", target: IDS.own },
    expect: (message, sent) => assertIs(message, { protocolMessage: { key: ownKey(sent), type: "REVOKE" } }),
  },
  {
    name: "DELETE of somebody else's message, by an admin",
    type: "DELETE",
    only: "groups",
    body: { type: "DELETE", target: IDS.theirs },
    expect: (message, sent) =>
      assertIs(message, { protocolMessage: { key: theirKey(sent), type: "REVOKE" } }),
  },
];

/** Fails unless a message is this and nothing else, but for its secret. Bytes are base64, enums names, longs digits. */
export function assertIs(message: proto.IMessage, expected: Record<string, unknown>): void {
  const { messageContextInfo: _secret, ...content } = JSON.parse(JSON.stringify(message));
  assert.deepEqual(content, expected);
}

function user(jid: string): string {
  return jid.split("@")[0]!;
}

function card(...lines: string[]): string {
  return ["BEGIN:VCARD", "VERSION:3.0", ...lines, "END:VCARD"].join("\n");
}

function ownKey({ chat, ids }: Sent) {
  return { remoteJid: chat, fromMe: true, id: ids.own };
}

function theirKey({ chat, isGroup, ids, jids }: Sent) {
  return { remoteJid: chat, fromMe: false, id: ids.theirs, ...(isGroup ? { participant: jids.friend } : {}) };
}

function answersTheirs({ ids, jids }: Sent) {
  return {
    stanzaId: ids.theirs,
    participant: jids.friend,
    quotedMessage: { conversation: TEXTS.theirs },
  };
}

function answersOwn({ ids, jids }: Sent) {
  return {
    stanzaId: ids.own,
    participant: jids.number,
    quotedMessage: { extendedTextMessage: { text: TEXTS.own } },
  };
}
