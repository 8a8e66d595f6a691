import {
  type GroupMetadata,
  isPnUser,
  jidDecode,
  jidNormalizedUser,
  USyncQuery,
  USyncUser,
} from "@whiskeysockets/baileys";
import { phoneOfJid } from "../../contract/addresses.ts";
import type { Names } from "../../store/recipients.ts";
import { refusalCodeOf } from "../chats/failures.ts";
import { Unsendable } from "./failures.ts";
import { GROUP_ADMINS_ONLY, NOT_ON_WHATSAPP, refusalOf } from "./refusals.ts";
import { isOwn } from "../identities.ts";
import type { Socket } from "../socket/socket.ts";

/** What WhatsApp answers about a group that a number has no business in; anything else may pass. */
const SHUT_OUT: readonly (number | undefined)[] = [401, 403, 404];

/** A group as it is now, and who is in it beside the number itself; nobody where WhatsApp does not show all of them. */
export interface Addressed {
  readonly group: GroupMetadata;
  readonly members: readonly Names[];
}

/**
 * Asks for the group a message is for.
 *
 * @throws {Unsendable} when the number may not write there
 * @throws {Error} when WhatsApp did not say
 */
export async function groupOf({ baileys, account, identities }: Socket, jid: string): Promise<Addressed> {
  const group = await baileys.groupMetadata(jid).catch((error) => {
    const code = refusalCodeOf(error);
    throw SHUT_OUT.includes(code) ? new Unsendable(refusalOf(String(code), jid)) : error;
  });
  const members: Names[] = [];
  for (const { id, lid, phoneNumber, admin } of group.participants) {
    const other = lid ?? phoneNumber;
    if (isOwn(account, id, lid, phoneNumber)) {
      if (group.announce && !admin) throw new Unsendable(GROUP_ADMINS_ONLY);
    } else {
      members.push(
        other === undefined
          ? await identities.namesOf(id)
          : [jidNormalizedUser(id), jidNormalizedUser(other)],
      );
    }
  }
  const isWhole = (group.size ?? 0) <= group.participants.length;
  return { group, members: isWhole ? members : [] };
}

/** How long WhatsApp's server may take to answer all that is asked before a message is written, and it still was an answer. */
export interface Patience {
  readonly queryTimeoutMs: number;
}

/**
 * Makes sure that a person has devices a message can be written for: without any Baileys would write it for nobody, and the
 * server acknowledges that like any other. What is found out here Baileys does not ask again.
 *
 * Silence, and an answer that names no device, say nothing about the person; that there is nobody WhatsApp has to say.
 *
 * @throws {Unsendable} when nobody has the number
 * @throws {Error} when WhatsApp did not say
 */
export async function assureReachable(
  { baileys, identities, devices: cached }: Socket,
  jid: string,
  { queryTimeoutMs }: Patience,
): Promise<void> {
  // Whose devices had no keys may have some now.
  const user = jidDecode(jid)?.user ?? jid;
  if ((await cached.get<unknown[]>(user))?.length === 0) await cached.del(user);
  const askedAt = performance.now();
  const devices = await baileys.getUSyncDevices([jid], true, false);
  if (devices.length > 0) return;
  const number = isPnUser(jid) ? jid : await identities.aliasOf(jid);
  // Baileys takes silence for an answer with nothing in it.
  const answered = performance.now() - askedAt < queryTimeoutMs / 2;
  if (answered && number !== null) {
    const query = new USyncQuery().withContactProtocol().withUser(
      new USyncUser().withPhone(phoneOfJid(number) ?? number),
    );
    const [found] = (await baileys.executeUSyncQuery(query))?.list ?? [];
    if (found?.contact === false) throw new Unsendable(NOT_ON_WHATSAPP);
    if (found !== undefined && jidDecode(found.id)?.user !== jidDecode(number)?.user) {
      throw new Unsendable({
        ...NOT_ON_WHATSAPP,
        error: `The recipient is not on WhatsApp by this number but by '${phoneOfJid(found.id) ?? found.id}'`,
      });
    }
  }
  throw new Error("WhatsApp's server did not say which devices the recipient has");
}
