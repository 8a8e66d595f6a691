/** Every kind of message as a contact's phone sends it, and what the backend is to be told of it beside who and where. */

import { proto } from "@whiskeysockets/baileys";
import { type About, seal, vote } from "../stand_in/secrets.ts";

/** Where an example is sent, and what was written there before. */
export interface Chat {
  readonly isGroup: boolean;
  /** A message of the contact, whose secret is known, with its author as the contact's phone names itself. */
  readonly theirs: About;
  /** Its key, as the contact's phone writes it; and that of one of the number's owner. */
  readonly keys: { readonly theirs: proto.IMessageKey; readonly ours: proto.IMessageKey };
  /** The same as the backend is told them. */
  readonly targets: { readonly theirs: Target; readonly ours: Target };
  /** A poll of the contact, and one of the owner: which of {@link OPTIONS}. */
  readonly polls: { readonly theirs: About; readonly ours: About };
  readonly pollKeys: { readonly theirs: proto.IMessageKey; readonly ours: proto.IMessageKey };
  readonly pollTargets: { readonly theirs: Target; readonly ours: Target };
  /** The contact, and the number's owner, in the forms of stanzas and of the backend. */
  readonly contact: Named;
  readonly owner: Named;
}

/** Somebody. */
export interface Named {
  readonly lid: string;
  readonly address: string;
}

/** A message as the backend names it. */
export type Target = { messageId: string; fromMe: boolean; participant?: string };

/** One kind of message. */
export interface Example {
  readonly name: string;
  /** The word of RECEIVE_INCLUDE that it takes. */
  readonly include?: "reactions" | "edits";
  message(chat: Chat): proto.IMessage;
  /** `type`, `body` and all fields that not every message has. */
  told(chat: Chat): Record<string, unknown>;
}

export const OPTIONS = ["Lundi", "Mardi", "Jeudi"];
export const QUESTION = "Quel jour ?";
const VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Awa Ndiaye\nitem1.TEL;waid=221770000001:+221 77 000 00 01\n" +
  "TEL;TYPE=work:33 800 00 00\nEND:VCARD";
const { Type } = proto.Message.ProtocolMessage;

const mediaKey = new Uint8Array(32).fill(7);
const medium = { mediaKey, directPath: "/v/t62.7118-24/1", fileSha256: mediaKey, fileEncSha256: mediaKey };
const pictureOf = (caption: string) => ({ ...medium, mimetype: "image/jpeg", fileLength: 1024, caption });
const poll = {
  name: QUESTION,
  options: OPTIONS.map((optionName) => ({ optionName })),
  selectableOptionsCount: 1,
};

function plain(
  name: string,
  message: proto.IMessage,
  told: Record<string, unknown>,
  more: Partial<Example> = {},
): Example {
  return { name, message: () => message, told: () => told, ...more };
}

function place(fields: Record<string, unknown>) {
  return {
    latitude: 14.6937,
    longitude: -17.4441,
    name: null,
    address: null,
    url: null,
    accuracyMeters: null,
    speedMetersPerSecond: null,
    headingDegrees: null,
    live: false,
    ...fields,
  };
}

const DAKAR = { degreesLatitude: 14.6937, degreesLongitude: -17.4441 };

const TEXTS: Example[] = [
  plain("text", { conversation: "Bonjour 😀" }, { type: "TEXT", body: "Bonjour 😀" }),
  plain("text with a link", {
    extendedTextMessage: { text: "https://example.org", matchedText: "https://example.org" },
  }, {
    type: "TEXT",
    body: "https://example.org",
  }),
  {
    name: "reply with a mention",
    message: ({ keys: { ours }, owner }) => ({
      extendedTextMessage: {
        text: `oui @${owner.lid.split("@")[0]}`,
        contextInfo: {
          stanzaId: ours.id!,
          participant: owner.lid,
          quotedMessage: { imageMessage: { caption: "d'accord ?" } },
          mentionedJid: [owner.lid],
        },
      },
    }),
    told: ({ targets, owner }) => ({
      type: "TEXT",
      body: `oui @${owner.address.split("@")[0]}`,
      quoted: {
        messageId: targets.ours.messageId,
        participant: owner.address,
        body: "d'accord ?",
        type: "IMAGE",
        fromMe: true,
      },
      mentions: [owner.address],
    }),
  },
  plain("forwarded", {
    extendedTextMessage: { text: "à lire", contextInfo: { isForwarded: true, forwardingScore: 5 } },
  }, { type: "TEXT", body: "à lire", forwarded: true, forwardingScore: 5 }),
  plain("ephemeral", {
    ephemeralMessage: {
      message: { extendedTextMessage: { text: "bientôt parti", contextInfo: { expiration: 604800 } } },
    },
  }, { type: "TEXT", body: "bientôt parti", ephemeral: { expiresIn: 604800 } }),
  {
    name: "comment",
    message: ({ keys: { theirs } }) => ({
      commentMessage: { message: { conversation: "bien vu" }, targetMessageKey: theirs },
    }),
    told: ({ targets }) => ({ type: "TEXT", body: "bien vu", comment: { target: targets.theirs } }),
  },
  {
    name: "sealed comment",
    message: ({ keys: { theirs: targetMessageKey }, theirs, contact }) => ({
      encCommentMessage: {
        targetMessageKey,
        ...seal("Enc Comment", encode({ conversation: "en secret" }), theirs, contact.lid),
      },
    }),
    told: ({ targets }) => ({ type: "TEXT", body: "en secret", comment: { target: targets.theirs } }),
  },
];

const MEDIA: Example[] = [
  plain("image", { imageMessage: pictureOf("regarde") }, { type: "IMAGE", body: "regarde" }),
  ...(["viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"] as const).map((wrapper) =>
    plain(`image in ${wrapper}`, { [wrapper]: { message: { imageMessage: pictureOf("une fois") } } }, {
      type: "IMAGE",
      body: "une fois",
      viewOnce: true,
    })
  ),
  plain("view-once audio", { audioMessage: { ...medium, ptt: true, viewOnce: true } }, {
    type: "AUDIO",
    body: "",
    ptt: true,
    viewOnce: true,
  }),
  plain("video", { videoMessage: { ...medium, caption: "film" } }, { type: "VIDEO", body: "film" }),
  plain("gif", { videoMessage: { ...medium, gifPlayback: true } }, { type: "VIDEO", body: "", gif: true }),
  plain("video note", { ptvMessage: medium }, { type: "VIDEO", body: "", ptv: true }),
  plain("audio", { audioMessage: medium }, { type: "AUDIO", body: "" }),
  plain("voice note", { audioMessage: { ...medium, ptt: true } }, { type: "AUDIO", body: "", ptt: true }),
  plain("document", { documentMessage: { ...medium, fileName: "facture.pdf" } }, {
    type: "DOCUMENT",
    body: "facture.pdf",
  }),
  plain("document with caption", {
    documentWithCaptionMessage: {
      message: { documentMessage: { ...medium, fileName: "f.pdf", caption: "juin" } },
    },
  }, { type: "DOCUMENT", body: "juin" }),
  plain("sticker", { stickerMessage: medium }, { type: "STICKER", body: "" }),
  plain("lottie sticker", {
    lottieStickerMessage: { message: { stickerMessage: { ...medium, isAnimated: true } } },
  }, {
    type: "STICKER",
    body: "",
    animated: true,
  }),
  plain("album", { albumMessage: { expectedImageCount: 2, expectedVideoCount: 1 } }, {
    type: "ALBUM",
    body: "",
    album: { images: 2, videos: 1 },
  }),
  {
    name: "picture of an album",
    message: ({ keys: { theirs: parentMessageKey } }) => ({
      associatedChildMessage: { message: { imageMessage: pictureOf("") } },
      messageContextInfo: { messageAssociation: { associationType: 1, parentMessageKey } },
    }),
    told: ({ targets }) => ({ type: "IMAGE", body: "", album: { messageId: targets.theirs.messageId } }),
  },
];

const PLACES_AND_CARDS: Example[] = [
  plain("location", { locationMessage: { ...DAKAR, name: "Marché Sandaga", address: "Dakar" } }, {
    type: "LOCATION",
    body: "Marché Sandaga, Dakar",
    location: place({ name: "Marché Sandaga", address: "Dakar" }),
  }),
  plain("bare location", { locationMessage: { ...DAKAR, accuracyInMeters: 12 } }, {
    type: "LOCATION",
    body: "14.6937,-17.4441",
    location: place({ accuracyMeters: 12 }),
  }),
  plain("live location", { liveLocationMessage: { ...DAKAR, caption: "j'arrive", speedInMps: 1.5 } }, {
    type: "LIVE_LOCATION",
    body: "j'arrive",
    location: place({ speedMetersPerSecond: 1.5, live: true }),
  }),
  plain("contact", { contactMessage: { displayName: "Awa Ndiaye", vcard: VCARD } }, {
    type: "CONTACT",
    body: "Awa Ndiaye",
    contacts: [{ name: "Awa Ndiaye", phoneNumbers: ["+221770000001", "33 800 00 00"], vcard: VCARD }],
  }),
  plain("contacts", {
    contactsArrayMessage: {
      contacts: [{ displayName: "Awa", vcard: VCARD }, { displayName: "Ibou", vcard: "" }],
    },
  }, {
    type: "CONTACT",
    body: "Awa, Ibou",
    contacts: [
      { name: "Awa", phoneNumbers: ["+221770000001", "33 800 00 00"], vcard: VCARD },
      { name: "Ibou", phoneNumbers: [], vcard: "" },
    ],
  }),
];

const CHANGES: Example[] = [
  ...(["theirs", "ours"] as const).map((whose): Example => ({
    name: `reaction to ${whose}`,
    include: "reactions",
    message: ({ keys: { [whose]: key } }) => ({ reactionMessage: { key, text: "👍" } }),
    told: ({ targets: { [whose]: target } }) => ({
      type: "REACTION",
      body: "👍",
      reaction: { emoji: "👍", target },
    }),
  })),
  {
    name: "reaction taken back",
    include: "reactions",
    message: ({ keys: { ours: key } }) => ({ reactionMessage: { key, text: "" } }),
    told: ({ targets: { ours: target } }) => ({
      type: "REACTION",
      body: "",
      reaction: { emoji: null, target },
    }),
  },
  {
    name: "sealed reaction",
    include: "reactions",
    message: ({ keys: { theirs: targetMessageKey }, theirs, contact }) => ({
      encReactionMessage: {
        targetMessageKey,
        ...seal("Enc Reaction", reaction("🎉"), theirs, contact.lid),
      },
    }),
    told: ({ targets: { theirs: target } }) => ({
      type: "REACTION",
      body: "🎉",
      reaction: { emoji: "🎉", target },
    }),
  },
  {
    name: "sealed reaction to something unknown",
    include: "reactions",
    message: ({ keys, theirs, contact }) => ({
      encReactionMessage: {
        targetMessageKey: { ...keys.theirs, id: "3A00000000UNKNOWN" },
        ...seal("Enc Reaction", reaction("🎉"), theirs, contact.lid),
      },
    }),
    told: ({ targets }) => ({
      type: "REACTION",
      body: "",
      reaction: {
        emoji: null,
        encrypted: true,
        target: { ...targets.theirs, messageId: "3A00000000UNKNOWN" },
      },
    }),
  },
  {
    name: "edit",
    include: "edits",
    message: ({ keys: { theirs: key } }) => ({
      editedMessage: {
        message: {
          protocolMessage: { type: Type.MESSAGE_EDIT, key, editedMessage: { conversation: "corrigé" } },
        },
      },
    }),
    told: ({ targets: { theirs: target } }) => ({
      type: "EDIT",
      body: "corrigé",
      edit: { type: "TEXT", target },
    }),
  },
  {
    name: "sealed edit",
    include: "edits",
    message: ({ keys: { theirs: key }, theirs, contact }) => ({
      secretEncryptedMessage: {
        targetMessageKey: key,
        secretEncType: proto.Message.SecretEncryptedMessage.SecretEncType.MESSAGE_EDIT,
        ...seal(
          "Message Edit",
          encode({
            protocolMessage: { type: Type.MESSAGE_EDIT, key, editedMessage: { conversation: "encore" } },
          }),
          theirs,
          contact.lid,
        ),
      },
    }),
    told: ({ targets: { theirs: target } }) => ({
      type: "EDIT",
      body: "encore",
      edit: { type: "TEXT", target },
    }),
  },
  {
    name: "pin",
    include: "edits",
    message: ({ keys: { ours: key } }) => ({ pinInChatMessage: { key, type: 1 } }),
    told: ({ targets: { ours: target } }) => ({ type: "PIN", body: "", pin: { pinned: true, target } }),
  },
  {
    name: "keep",
    include: "edits",
    message: ({ keys: { theirs: key } }) => ({ keepInChatMessage: { key, keepType: 1 } }),
    told: ({ targets: { theirs: target } }) => ({ type: "KEEP", body: "", keep: { kept: true, target } }),
  },
];

const POLLS: Example[] = [
  ...([
    "pollCreationMessage",
    "pollCreationMessageV2",
    "pollCreationMessageV3",
    "pollCreationMessageV5",
  ] as const).map((name) =>
    plain(name, { [name]: poll }, {
      type: "POLL",
      body: QUESTION,
      poll: { question: QUESTION, options: OPTIONS, selectableCount: 1 },
    })
  ),
  ...(["theirs", "ours"] as const).map((whose): Example => ({
    name: `vote in ${whose}`,
    message: ({ pollKeys, polls, contact }) =>
      vote(pollKeys[whose], ["Jeudi", "Lundi"], polls[whose], contact.lid),
    told: ({ pollTargets: { [whose]: target } }) => ({
      type: "POLL_VOTE",
      body: "Lundi, Jeudi",
      pollVote: { options: ["Lundi", "Jeudi"], target },
    }),
  })),
  {
    name: "vote taken back",
    message: ({ pollKeys, polls, contact }) => vote(pollKeys.ours, [], polls.ours, contact.lid),
    told: ({ pollTargets: { ours: target } }) => ({
      type: "POLL_VOTE",
      body: "",
      pollVote: { options: [], target },
    }),
  },
  {
    name: "vote in an unknown poll",
    message: ({ pollKeys, polls, contact }) =>
      vote({ ...pollKeys.ours, id: "3A00000000UNKNOWN" }, ["Lundi"], polls.ours, contact.lid),
    told: ({ pollTargets }) => ({
      type: "POLL_VOTE",
      body: "",
      pollVote: { options: null, target: { ...pollTargets.ours, messageId: "3A00000000UNKNOWN" } },
    }),
  },
  {
    name: "vote that its secret does not open",
    message: ({ pollKeys, polls, contact }) =>
      vote(pollKeys.ours, ["Lundi"], { ...polls.ours, secret: new Uint8Array(32) }, contact.lid),
    told: ({ pollTargets: { ours: target } }) => ({
      type: "POLL_VOTE",
      body: "",
      pollVote: { options: null, target },
    }),
  },
  plain("poll result", {
    pollResultSnapshotMessage: { name: QUESTION, pollVotes: [{ optionName: "Lundi", optionVoteCount: 3 }] },
  }, {
    type: "POLL_RESULT",
    body: QUESTION,
    pollResult: { question: QUESTION, votes: [{ option: "Lundi", count: 3 }] },
  }),
];

const CHOICES: Example[] = [
  plain("button reply", { buttonsResponseMessage: { selectedButtonId: "yes", selectedDisplayText: "Oui" } }, {
    type: "BUTTON_REPLY",
    body: "Oui",
    reply: { id: "yes", text: "Oui" },
  }),
  plain("template button reply", {
    templateButtonReplyMessage: { selectedId: "2", selectedDisplayText: "Non" },
  }, {
    type: "BUTTON_REPLY",
    body: "Non",
    reply: { id: "2", text: "Non" },
  }),
  plain("native flow reply", {
    interactiveResponseMessage: {
      body: { text: "Confirmer" },
      nativeFlowResponseMessage: { name: "quick_reply", paramsJson: '{"id":"ok","n":1}' },
    },
  }, {
    type: "BUTTON_REPLY",
    body: "Confirmer",
    reply: { id: "ok", text: "Confirmer", parameters: { id: "ok", n: 1 } },
  }),
  plain("list reply", {
    listResponseMessage: { title: "Thiéboudiène", singleSelectReply: { selectedRowId: "row3" } },
  }, {
    type: "LIST_REPLY",
    body: "Thiéboudiène",
    reply: { id: "row3", text: "Thiéboudiène" },
  }),
  plain("buttons", {
    buttonsMessage: {
      contentText: "Confirmer ?",
      buttons: [{ buttonId: "yes", buttonText: { displayText: "Oui" } }],
    },
  }, { type: "BUTTONS", body: "Confirmer ?", choices: [{ id: "yes", text: "Oui" }] }),
  plain("list", {
    listMessage: {
      title: "Menu",
      description: "Choisissez",
      sections: [{ rows: [{ rowId: "1", title: "Yassa" }] }],
    },
  }, { type: "LIST", body: "Choisissez", choices: [{ id: "1", text: "Yassa" }] }),
  plain("template", {
    templateMessage: {
      hydratedTemplate: {
        hydratedContentText: "Votre code : 1234",
        hydratedButtons: [{ urlButton: { displayText: "Ouvrir", url: "https://example.org" } }],
      },
    },
  }, {
    type: "TEMPLATE",
    body: "Votre code : 1234",
    choices: [{ id: "https://example.org", text: "Ouvrir" }],
  }),
  plain("interactive", {
    interactiveMessage: {
      body: { text: "Payer" },
      nativeFlowMessage: {
        buttons: [{ name: "cta_url", buttonParamsJson: '{"display_text":"Payer","id":"p"}' }],
      },
    },
  }, { type: "INTERACTIVE", body: "Payer", choices: [{ id: "p", text: "Payer" }] }),
];

const OCCASIONS: Example[] = [
  plain("group invite", {
    groupInviteMessage: {
      groupJid: "120363000000000009@g.us",
      inviteCode: "abc",
      inviteExpiration: 1_733_396_400,
      groupName: "Famille",
    },
  }, {
    type: "GROUP_INVITE",
    body: "Famille",
    invite: {
      group: "120363000000000009@g.us",
      name: "Famille",
      code: "abc",
      expiresAt: 1_733_396_400_000,
    },
  }),
  plain("event", {
    eventMessage: { name: "Réunion", startTime: 1_733_396_400, location: { ...DAKAR, name: "Bureau" } },
  }, {
    type: "EVENT",
    body: "Réunion",
    event: {
      name: "Réunion",
      description: null,
      place: "Bureau",
      joinLink: null,
      startsAt: 1_733_396_400_000,
      endsAt: null,
      canceled: false,
    },
    location: place({ name: "Bureau" }),
  }),
  {
    name: "answer to an event",
    message: ({ keys: { theirs: eventCreationMessageKey }, theirs, contact }) => ({
      encEventResponseMessage: {
        eventCreationMessageKey,
        ...seal(
          "Event Response",
          proto.Message.EventResponseMessage.encode(
            proto.Message.EventResponseMessage.create({ response: 1, extraGuestCount: 2 }),
          ).finish(),
          theirs,
          contact.lid,
        ),
      },
    }),
    told: ({ targets: { theirs: target } }) => ({
      type: "EVENT_REPLY",
      body: "GOING",
      eventReply: { answer: "GOING", guests: 2, target },
    }),
  },
  plain("product", {
    productMessage: {
      product: { productId: "9", title: "Pagne", priceAmount1000: 15_000_000, currencyCode: "XOF" },
      businessOwnerJid: "221779999999@s.whatsapp.net",
    },
  }, {
    type: "PRODUCT",
    body: "Pagne",
    product: {
      id: "9",
      title: "Pagne",
      description: null,
      price: 15_000,
      currency: "XOF",
      retailerId: null,
      url: null,
      seller: "221779999999@c.us",
    },
  }),
  plain("order", {
    orderMessage: {
      orderId: "77",
      orderTitle: "Boutique",
      itemCount: 2,
      message: "Je voudrais",
      totalAmount1000: 30_000_000,
      totalCurrencyCode: "XOF",
    },
  }, {
    type: "ORDER",
    body: "Je voudrais",
    order: { id: "77", title: "Boutique", itemCount: 2, price: 30_000, currency: "XOF" },
  }),
  plain("something without a name here", { invoiceMessage: { note: "juin" } }, {
    type: "UNKNOWN",
    protoName: "invoiceMessage",
    body: "juin",
  }),
];

/** Takes back what all others are about: it comes last. */
const DELETION: Example = {
  name: "delete",
  include: "edits",
  message: ({ keys: { theirs: key } }) => ({ protocolMessage: { type: Type.REVOKE, key } }),
  told: ({ targets: { theirs: target } }) => ({ type: "DELETE", body: "", deleted: { target } }),
};

/** In the order in which they are sent. */
export const EXAMPLES: readonly Example[] = [
  ...TEXTS,
  ...MEDIA,
  ...PLACES_AND_CARDS,
  ...POLLS,
  ...CHOICES,
  ...OCCASIONS,
  ...CHANGES,
  DELETION,
];

function encode(message: proto.IMessage): Uint8Array {
  return proto.Message.encode(proto.Message.create(message)).finish();
}

function reaction(text: string): Uint8Array {
  return proto.Message.ReactionMessage.encode(proto.Message.ReactionMessage.create({ text })).finish();
}
