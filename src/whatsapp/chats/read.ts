import { isJidGroup, type WAMessageKey } from "@whiskeysockets/baileys";
import type { ChatResult } from "../../contract/command_result.ts";
import type { ChatAction, MessageReference } from "../../contract/commands.ts";
import { knownMessage } from "../messages/known_messages.ts";
import { peopleOf } from "../outbound/chat_people.ts";
import type { Socket } from "../socket/socket.ts";
import type { ActionContext } from "./action_context.ts";
import { ActionFailed } from "./failures.ts";

/** How long it is believed whether the owner lets others see what was read: they may change it on the phone. */
const PRIVACY_LIFETIME_MS = 5 * 60_000;

/** Marks messages as read: for who wrote them, as far as the owner lets them see it, and on the owner's other devices. */
export class ReadMarks {
  readonly #now: () => number;
  /** When a socket was told of the owner's privacy, in ms since the epoch. Baileys keeps the answer itself. */
  readonly #toldAtMs = new WeakMap<Socket, number>();

  constructor({ now }: { readonly now: () => number }) {
    this.#now = now;
  }

  /**
   * The number's own messages, among the others, are passed over.
   *
   * @throws {ActionFailed} `unknown_message`, of which nothing can be marked
   */
  async mark({ to, targets }: ChatAction<"READ">, context: ActionContext): Promise<ChatResult<"READ">> {
    const { socket } = context;
    const keys = await Promise.all(targets.map((target) => keyOf(target, to, context)));
    const others = keys.filter(({ fromMe }) => fromMe !== true);
    if (others.length > 0) {
      await socket.baileys.sendReceipts(others, await this.#isShown(socket) ? "read" : "read-self");
    }
    return { read: others.length };
  }

  async #isShown(socket: Socket): Promise<boolean> {
    const isStale = this.#now() - (this.#toldAtMs.get(socket) ?? -Infinity) >= PRIVACY_LIFETIME_MS;
    const { readreceipts } = await socket.baileys.fetchPrivacySettings(isStale);
    if (isStale) this.#toldAtMs.set(socket, this.#now());
    return readreceipts === "all";
  }
}

/** The message as WhatsApp knows it: under the names of its chat and its author that it came with. */
async function keyOf(
  { messageId: id, fromMe, participant }: MessageReference,
  chat: string,
  context: ActionContext,
): Promise<WAMessageKey> {
  const { numberId, socket: { identities }, store } = context;
  const known = await knownMessage(store, { numberId, identities }, id, { chat });
  if (known !== undefined) {
    const { author } = known;
    return isJidGroup(known.chat)
      ? { remoteJid: known.chat, id, fromMe: known.fromMe, participant: author ?? null }
      : { remoteJid: author ?? known.chat, id, fromMe: known.fromMe };
  }
  if (isJidGroup(chat) !== true) return { remoteJid: chat, id, fromMe: fromMe === true };
  if (fromMe === true) return { remoteJid: chat, id, fromMe };
  if (participant !== undefined) {
    const { nameOf } = await peopleOf(chat, context);
    return { remoteJid: chat, id, fromMe: false, participant: await nameOf(participant) };
  }
  throw new ActionFailed({
    code: "unknown_message",
    error: `Cannot mark message ${id} as read as the worker does not know it: ` +
      "in a group, name the 'participant' who wrote it beside its 'messageId'",
    retryable: false,
  });
}
