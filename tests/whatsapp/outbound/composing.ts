/** Messages made without a worker: a number with a store in memory, and a socket that only knows who is who. */

import { type GroupMetadata, proto } from "@whiskeysockets/baileys";
import pino from "pino";
import { readNumberCommand } from "../../../src/contract/commands.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";
import { AddressGuard } from "../../../src/whatsapp/media/outgoing/address_guard.ts";
import { compose } from "../../../src/whatsapp/outbound/compose.ts";
import type { ComposeContext } from "../../../src/whatsapp/outbound/composition.ts";
import { type SendFailure, Unsendable } from "../../../src/whatsapp/outbound/failures.ts";
import { MemoryAuth } from "../../stand_in/memory_auth.ts";

export const OWN = { jid: "221771234567@s.whatsapp.net", lid: "100000000000001@lid" };
export const FRIEND = { jid: "221779999999@s.whatsapp.net", lid: "100000000000002@lid" };
/** Whose LID is not known. */
export const STRANGER = { jid: "221778888888@s.whatsapp.net", lid: "100000000000003@lid" };
export const GROUP = "120363000000000001@g.us";
export const NOW_MS = 1_795_970_000_000;

/** A number that messages are made for. */
export class Composing implements Disposable {
  readonly #database = Database.inMemory();
  readonly store = makeStore(this.#database, () => NOW_MS);
  /** What the server says of groups; without it, it says nothing. */
  group: Partial<GroupMetadata> | undefined;
  readonly #keys = new MemoryAuth().keys;

  constructor() {
    const user = (jid: string) => jid.split("@")[0]!;
    this.#keys.set({
      "lid-mapping": {
        [user(FRIEND.jid)]: user(FRIEND.lid),
        [`${user(FRIEND.lid)}_reverse`]: user(FRIEND.jid),
      },
    });
  }

  /** The message that a body asks for; its fields as JSON has them, without the secret. */
  async make(body: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { message } = await compose(this.#command(body), this.#context());
    const { messageContextInfo: _, ...content } = JSON.parse(
      JSON.stringify(proto.Message.fromObject(message)),
    );
    return content;
  }

  /** What the backend is told of a message that cannot be made. */
  async failure(body: Record<string, unknown>): Promise<SendFailure> {
    try {
      await compose(this.#command(body), this.#context());
    } catch (error) {
      if (error instanceof Unsendable) return error.failure;
      throw error;
    }
    throw new Error("The message was made");
  }

  /** A message of a chat, that came in. */
  async received(
    whatsappId: string,
    chat: string,
    message: proto.IMessage,
    { participant, fromMe = false }: { participant?: string; fromMe?: boolean } = {},
  ): Promise<void> {
    const content = proto.Message.encode(proto.Message.fromObject(message)).finish();
    const stored = { numberId: "6", whatsappId, chat, fromMe, author: participant, content };
    await this.#database.commit(this.store.messages.keeping(stored));
  }

  /** A message that was sent from here. */
  async sent(whatsappId: string, chat: string, message: proto.IMessage): Promise<void> {
    const content = proto.Message.encode(proto.Message.fromObject(message)).finish();
    await this.#database.commit(this.store.ledger.recording({
      numberId: "6",
      fingerprint: whatsappId,
      whatsappId,
      chat,
      numberIdJson: "6",
      status: "SENT",
      final: true,
      content,
    }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #command(body: Record<string, unknown>): Message {
    const command = readNumberCommand({ numberId: 6, ...body });
    if (!command.ok) throw new Error(command.error);
    return command.value as Message;
  }

  #context(): ComposeContext {
    const groupMetadata = () =>
      this.group === undefined
        ? Promise.reject(new Error("item-not-found"))
        : Promise.resolve(this.group as GroupMetadata);
    const socket = {
      account: { jid: OWN.jid.replace("@", ":3@"), lid: OWN.lid, pushName: null },
      identities: new Identities(this.#keys),
      baileys: { groupMetadata },
    };
    return {
      numberId: "6",
      socket: socket as unknown as ComposeContext["socket"],
      store: this.store,
      media: undefined as unknown as ComposeContext["media"],
      guard: new AddressGuard([]),
      now: () => NOW_MS,
      log: pino({ level: "silent" }),
      signal: new AbortController().signal,
    };
  }
}

/** A group by LID, or by phone number, of the number, its friend and a stranger. */
export function groupOf(addressingMode: "lid" | "pn", admin?: "admin"): Partial<GroupMetadata> {
  const participants = [OWN, FRIEND, STRANGER].map(({ jid, lid }) =>
    addressingMode === "lid" ? { id: lid, phoneNumber: jid } : { id: jid, lid }
  );
  if (admin) Object.assign(participants[0]!, { admin });
  return { addressingMode: addressingMode as GroupMetadata["addressingMode"], participants } as Partial<
    GroupMetadata
  >;
}
