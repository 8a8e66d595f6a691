import { isJidGroup, jidDecode, proto } from "@whiskeysockets/baileys";
import type { MessageReference } from "../../contract/commands.ts";
import { knownMessage } from "../messages/known_messages.ts";
import { partOf } from "../messages/message_parts.ts";
import { type ChatPeople, peopleOf } from "./chat_people.ts";
import type { ComposeContext } from "./composition.ts";

/** What a message may say of people and of another message. */
export interface Referring {
  /** The chat's JID. */
  readonly to: string;
  /** JIDs. */
  readonly mentions?: readonly string[];
  /** The message it answers. */
  readonly quoted?: MessageReference;
}

/** A text as it is to be sent, and what goes beside it in the kind's `contextInfo`. */
export interface Said {
  /** With every mention by the name that the chat knows. */
  readonly text: string;
  /** None when there is nothing to say. */
  readonly contextInfo: proto.IContextInfo | null;
}

/**
 * What a message says of people and of other messages, for every kind that can.
 *
 * @param text its text or caption; empty where it has none
 */
export async function inContext(referring: Referring, text: string, context: ComposeContext): Promise<Said> {
  const { to, mentions = [], quoted } = referring;
  if (mentions.length === 0 && quoted === undefined) return { text, contextInfo: null };
  const people = await peopleOf(to, context);
  const mentioned = await mentioning(mentions, text, people);
  return {
    text: mentioned.text,
    contextInfo: {
      ...(mentions.length === 0 ? {} : { mentionedJid: mentioned.jids }),
      ...(quoted === undefined ? {} : await quoting(quoted, { to, people, context })),
    },
  };
}

/** A client shows a mention where the text has `@` and the digits of the very JID that is mentioned. */
async function mentioning(
  mentions: readonly string[],
  text: string,
  people: ChatPeople,
): Promise<{ text: string; jids: string[] }> {
  const jids = new Set<string>();
  const userBy = new Map<string, string>();
  for (const mention of mentions) {
    const jid = await people.nameOf(mention);
    jids.add(jid);
    for (const name of await people.namesOf(mention)) userBy.set(userOf(name), userOf(jid));
  }
  const named = text.replace(
    /(?<![\w/.])@(\d+)/g,
    (written, user: string) => userBy.has(user) ? `@${userBy.get(user)}` : written,
  );
  return { text: named, jids: [...jids] };
}

function userOf(jid: string): string {
  return jidDecode(jid)?.user ?? jid;
}

/**
 * The message that is answered. One that is not known here is shown with the text that the reference has, or none; in a
 * person's chat as theirs unless it says otherwise, in a group as nobody's when it does not say whose it is.
 */
async function quoting(
  { messageId, fromMe, participant, body = "" }: MessageReference,
  { to, people, context }: { to: string; people: ChatPeople; context: ComposeContext },
): Promise<proto.IContextInfo> {
  const owner = { numberId: context.numberId, identities: context.socket.identities };
  const known = await knownMessage(context.store, owner, messageId, { chat: to });
  const quotedMessage = known && quotable(known.message);
  const isOwn = known?.fromMe ?? fromMe ?? false;
  const writer = known === undefined ? participant : known.author ?? participant;
  const author = isOwn ? people.own : isJidGroup(to) ? writer && await people.nameOf(writer) : to;
  return {
    stanzaId: messageId,
    ...(author === undefined ? {} : { participant: author }),
    quotedMessage: quotedMessage ?? { conversation: body },
  };
}

/** Kinds that are about another message, and never shown by themselves. */
const NOT_SHOWN: ReadonlySet<string> = new Set([
  "protocolMessage",
  "reactionMessage",
  "encReactionMessage",
  "pollUpdateMessage",
  "senderKeyDistributionMessage",
]);

/** What others see of a message above an answer to it: its content, not in turn what that answers. */
function quotable(message: proto.IMessage): proto.IMessage | undefined {
  const content = partOf(message);
  if (content === undefined || NOT_SHOWN.has(content.kind)) return undefined;
  const { kind, part, isViewOnce } = content;
  if (typeof part === "string") return { [kind]: part };
  // What may be seen once must not be had for good from an answer to it.
  if (isViewOnce) return { [kind]: { viewOnce: true } };
  const { contextInfo: _contextInfo, ...shown } = part;
  return proto.Message.fromObject({ [kind]: shown });
}
