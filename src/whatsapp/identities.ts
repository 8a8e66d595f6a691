import {
  isJidStatusBroadcast,
  isLidUser,
  isPnUser,
  jidNormalizedUser,
  type SignalDataSet,
  type SignalKeyStore,
  type WAMessage,
} from "@whiskeysockets/baileys";
import type { Names } from "../store/recipients.ts";
import { backendAddress, phoneOfJid } from "../contract/addresses.ts";

/**
 * Where Baileys writes down whose LID is whose: under the number's digits those of the LID, and the other way round under
 * the LID's with `_reverse` behind them. It learns it from messages, from the server's answers, from the history and the
 * contacts of the phone, and at each login of the number itself.
 */
const MAPPING = "lid-mapping";

/** Somebody, under every name that is known of them. */
export interface Person {
  /** In the backend's form: by phone number when it is known, by LID otherwise. */
  readonly address: string;
  /** E.164 with `+`. */
  readonly phoneNumber: string | null;
  readonly lid: string | null;
  /** Every JID, without device: that of the number first, if it is known. */
  readonly names: readonly string[];
}

/**
 * Somebody, by one or several of their JIDs.
 *
 * @param jids the same person's, or a group's alone; with or without device
 */
export function person(...jids: (string | null | undefined)[]): Person {
  const known = jids.filter((jid) => !!jid).map((jid) => jidNormalizedUser(jid!));
  const phoneJid = known.find((jid) => phoneOfJid(jid) !== null);
  const names = [...new Set(phoneJid === undefined ? known : [phoneJid, ...known])];
  return {
    address: backendAddress(names[0] ?? ""),
    phoneNumber: phoneJid === undefined ? null : phoneOfJid(phoneJid),
    lid: known.find((jid) => isLidUser(jid)) ?? null,
    names,
  };
}

/** The number's own account. */
export interface OwnAccount {
  /** May carry the device. */
  readonly jid: string;
  readonly lid: string | null;
}

/** Whether one of these JIDs, with or without device, is the account's own. */
export function isOwn({ jid: own, lid }: OwnAccount, ...jids: (string | null | undefined)[]): boolean {
  const { names } = person(own, lid);
  return jids.some((jid) => !!jid && names.includes(jidNormalizedUser(jid)));
}

/** Of a broadcast Baileys takes the other name of who wrote it for one of the broadcast. */
function ownChat(key: WAMessage["key"]): void {
  if (!key.remoteJid?.endsWith("@broadcast") || !key.participant) return;
  if (key.remoteJidAlt) {
    key.participantAlt = key.remoteJidAlt;
    delete key.remoteJidAlt;
  }
  if (isJidStatusBroadcast(key.remoteJid) || key.fromMe) return;
  key.remoteJid = key.participant;
  if (key.participantAlt) key.remoteJidAlt = key.participantAlt;
  delete key.participant;
  delete key.participantAlt;
}

/** Who is who among the contacts of one number, as far as its device has ever been told. It asks nobody. */
export class Identities {
  readonly #keys: Pick<SignalKeyStore, "get">;

  constructor(keys: Pick<SignalKeyStore, "get">) {
    this.#keys = keys;
  }

  /** The same person's other JID, without device: the LID of a phone number, the number of a LID. */
  async aliasOf(jid: string): Promise<string | null> {
    const normal = jidNormalizedUser(jid);
    const isLid = isLidUser(normal) === true;
    if (!isLid && !isPnUser(normal)) return null;
    const alias = await this.#aliasOfUser(normal.split("@")[0]!, isLid);
    return alias === undefined ? null : `${alias}@${isLid ? "s.whatsapp.net" : "lid"}`;
  }

  /** Every JID that is known of the same person, without device: the one that is given first. */
  async namesOf(jid: string): Promise<Names> {
    const alias = await this.aliasOf(jid);
    return alias === null ? [jidNormalizedUser(jid)] : [jidNormalizedUser(jid), alias];
  }

  /** Whether two JIDs are known to be one person's, whatever their forms and devices. */
  async isSame(one: string, other: string): Promise<boolean> {
    const names = [jidNormalizedUser(one), await this.aliasOf(one)];
    return names.includes(jidNormalizedUser(other));
  }

  /**
   * Adds to the key of a message what is known of the people in it: who wrote it, and in which chat. What somebody has sent to
   * a list of theirs is in their own chat.
   */
  async complete({ key }: Pick<WAMessage, "key">): Promise<void> {
    ownChat(key);
    if (key.remoteJid && !key.remoteJidAlt) {
      const alias = await this.aliasOf(key.remoteJid);
      if (alias !== null) key.remoteJidAlt = alias;
    }
    if (key.participant && !key.participantAlt) {
      const alias = await this.aliasOf(key.participant);
      if (alias !== null) key.participantAlt = alias;
    }
  }

  /** The addresses of people in the backend's form: by phone number where it is known. */
  async addressesOf(jids: readonly string[]): Promise<string[]> {
    const normal = jids.map((jid) => jidNormalizedUser(jid));
    const lids = normal.filter((jid) => isLidUser(jid)).map((jid) => `${jid.split("@")[0]}_reverse`);
    const numbers = lids.length === 0 ? {} : await this.#keys.get(MAPPING, [...new Set(lids)]);
    return normal.map((jid) => {
      const number = isLidUser(jid) ? numbers[`${jid.split("@")[0]}_reverse`] : undefined;
      return backendAddress(number === undefined ? jid : `${number}@s.whatsapp.net`);
    });
  }

  /**
   * The other name under which something may be kept that belongs to the Signal address of a device: `221771234567.0`, by
   * LID `123456789012345_1.0`, with a group before it for the key of a sender: `120363…@g.us::123456789012345_1::0`.
   */
  async otherAddress(address: string): Promise<string | undefined> {
    const [, group = "", user = "", lid, device = ""] = /^(.+::)?(\d+)(_1)?((?:\.|::)\d+)$/.exec(address) ??
      [];
    const alias = user === "" ? undefined : await this.#aliasOfUser(user, lid !== undefined);
    return alias && `${group}${alias}${lid === undefined ? "_1" : ""}${device}`;
  }

  /**
   * What is to be written of new mappings, and what has to go: a person has one number and one LID, the latest. Baileys
   * leaves the number that somebody had before, and reads the person's number from it.
   */
  async replacing(
    mapping: NonNullable<SignalDataSet[typeof MAPPING]>,
  ): Promise<NonNullable<SignalDataSet[typeof MAPPING]>> {
    const former: Record<string, null> = {};
    for (const [key, user] of Object.entries(mapping)) {
      const [, owner = "", isLid] = /^(\d+)(_reverse)?$/.exec(key) ?? [];
      const before = await this.#aliasOfUser(owner, isLid !== undefined);
      if (before === undefined || before === user) continue;
      if (await this.#aliasOfUser(before, isLid === undefined) === owner) {
        former[isLid === undefined ? `${before}_reverse` : before] = null;
      }
    }
    return { ...former, ...mapping };
  }

  async #aliasOfUser(user: string, isLid: boolean): Promise<string | undefined> {
    const id = isLid ? `${user}_reverse` : user;
    const { [id]: alias } = await this.#keys.get(MAPPING, [id]);
    return alias;
  }
}
