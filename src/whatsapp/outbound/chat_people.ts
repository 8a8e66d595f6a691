import { isJidGroup, isLidUser, jidNormalizedUser } from "@whiskeysockets/baileys";
import { isOwn, person } from "../identities.ts";
import type { ComposeContext } from "./composition.ts";

/** Somebody in a group, as its server names them. */
interface Member {
  readonly id: string;
  readonly phoneNumber?: string | undefined;
  readonly lid?: string | undefined;
  readonly admin?: string | null | undefined;
}

/** The people of one chat, by the names they have there: by phone number or by LID, never mixed. */
export interface ChatPeople {
  /** The number's own JID in this chat. */
  readonly own: string;
  /** The JID somebody has in this chat; the one that is given when the other one is not known. */
  nameOf(jid: string): Promise<string>;
  /** Every JID that is known of somebody, the given one among them. */
  namesOf(jid: string): Promise<string[]>;
  /** Whether it is the number itself. */
  isOwn(jid: string): boolean;
  /** Whether the number is one of the group's admins; undefined where the server did not say. */
  readonly ownIsAdmin: boolean | undefined;
}

/**
 * Who is called what in a chat. A person's chat has the names of the JID that is written to; a group's server says which
 * its own has, and a client finds somebody who is mentioned or quoted by no other. A group of which nothing can be learnt
 * now is taken for one by LID, as Baileys does.
 */
export async function peopleOf(
  chat: string,
  { socket, log }: Pick<ComposeContext, "socket" | "log">,
): Promise<ChatPeople> {
  const { account, identities } = socket;
  const ownNames = person(account.jid, account.lid).names;
  const group = isJidGroup(chat)
    ? await socket.baileys.groupMetadata(chat).catch((error) => {
      log.warn({ err: error }, "a group's members could not be asked for");
      return undefined;
    })
    : undefined;
  const byLid = isJidGroup(chat) ? group?.addressingMode !== "pn" : isLidUser(chat) === true;
  const members: readonly Member[] = group?.participants ?? [];

  const namesOf = async (jid: string): Promise<string[]> => {
    const name = jidNormalizedUser(jid);
    const member = members.map(namesOfMember).find((names) => names.includes(name)) ?? [];
    const alias = ownNames.includes(name) ? ownNames : [await identities.aliasOf(name)];
    return [...new Set([name, ...alias, ...member])].filter((jid) => jid !== null);
  };
  const fitting = (names: readonly string[]) =>
    names.find((jid) => (isLidUser(jid) === true) === byLid) ?? names[0]!;
  const own = fitting(ownNames);
  return {
    own,
    namesOf,
    nameOf: async (jid) => fitting(await namesOf(jid)),
    isOwn: (jid) => isOwn(account, jid),
    ownIsAdmin: group &&
      members.some(({ admin, id, phoneNumber, lid }) => !!admin && isOwn(account, id, phoneNumber, lid)),
  };
}

function namesOfMember({ id, phoneNumber, lid }: Member): readonly string[] {
  return person(id, phoneNumber, lid).names;
}
