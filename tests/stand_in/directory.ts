/** Who exists: accounts by number and by LID, and their devices by JID. */
import { createHash } from "node:crypto";
import { jidDecode } from "@whiskeysockets/baileys";
import type { Contact } from "./contact.ts";
import type { Endpoint } from "./envelope.ts";

/** The digits of a phone number; throws when there are none or something else is in it. */
export function digitsOf(number: string): string {
  const digits = number.replace(/^\+/, "");
  if (!/^\d{7,15}$/.test(digits)) throw new Error(`Cannot use '${number}' as a phone number`);
  return digits;
}

/** The 15-digit LID user of a number: always the same, and nothing one could take for the number. */
export function lidUserOf(number: string): string {
  const hash = createHash("sha256").update(number).digest();
  return `1${hash.readUIntBE(0, 6) % 10 ** 14}`.padEnd(15, "0");
}

/** All accounts of a stand-in. */
export class Directory {
  readonly #accounts = new Map<string, Contact>();

  /** Every account once. */
  get accounts(): Contact[] {
    return [...new Set(this.#accounts.values())];
  }

  add(account: Contact): void {
    this.#accounts.set(account.number, account);
    this.#accounts.set(jidDecode(account.lid)!.user, account);
  }

  /** The LID for a new account; a number that somebody had before comes with another one. */
  newLid(number: string): string {
    let user = lidUserOf(number);
    while (this.#accounts.has(user)) user = lidUserOf(user);
    return `${user}@lid`;
  }

  /** Gives an account another number beside its own, as countries do that have changed their numbers. */
  addAlias(number: string, account: Contact): void {
    this.#accounts.set(digitsOf(number), account);
  }

  remove(account: Contact): void {
    this.#accounts.delete(account.number);
    this.#accounts.delete(jidDecode(account.lid)!.user);
  }

  /** The account of a number (with or without `+`), or undefined. */
  byNumber(number: string): Contact | undefined {
    return this.#accounts.get(digitsOf(number));
  }

  /** The account a JID belongs to, whichever form and device it has. */
  byJid(jid: string): Contact | undefined {
    const decoded = jidDecode(jid);
    return decoded && (decoded.server === "lid" || decoded.server === "s.whatsapp.net")
      ? this.#accounts.get(decoded.user)
      : undefined;
  }

  /** The device a JID names; device 0 is the account's phone. */
  endpoint(jid: string): Endpoint | undefined {
    const account = this.byJid(jid);
    const device = jidDecode(jid)?.device ?? 0;
    return device === 0 ? account : account?.companions.get(device);
  }
}
