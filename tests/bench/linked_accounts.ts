/** Accounts that were linked at some time, for programs that find their credentials at start. */

import { join } from "node:path";
import { useMultiFileAuthState } from "@whiskeysockets/baileys";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import { loadAuthState } from "../../src/whatsapp/signal/auth_state.ts";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";
import { BareClient, pair } from "../stand_in/bare_client.ts";
import { MemoryAuth } from "../stand_in/memory_auth.ts";
import type { StandIn } from "../stand_in/stand_in.ts";
import { PATIENCE_MS } from "./bench.ts";

/** Linked side by side. */
const AT_ONCE = 8;

/** An account, and the credentials of a device that is linked to it. */
export interface LinkedAccount {
  readonly phoneNumber: string;
  readonly auth: MemoryAuth;
}

/** Links one device to each of as many accounts, and lets it upload its prekeys and take its history. */
export async function linkAccounts(standIn: StandIn, count: number): Promise<LinkedAccount[]> {
  hardenBaileys(standIn.rootKeyHex);
  const accounts: LinkedAccount[] = [];
  while (accounts.length < count) {
    const wanted = Math.min(AT_ONCE, count - accounts.length);
    const batch = Array.from(
      { length: wanted },
      (_, index) => String(221_770_000_001 + accounts.length + index),
    );
    accounts.push(...await Promise.all(batch.map((phoneNumber) => linkAccount(standIn, phoneNumber))));
  }
  return accounts;
}

async function linkAccount(standIn: StandIn, phoneNumber: string): Promise<LinkedAccount> {
  const phone = standIn.phone(phoneNumber);
  const auth = await pair(standIn.url, (qr) => phone.scan(qr), new MemoryAuth());
  await using client = await new BareClient(standIn.url, auth).open();
  await client.updates.next("history", (update) => update.receivedPendingNotifications === true, PATIENCE_MS);
  const [companion] = phone.companions.values();
  while (companion!.mailbox.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return { phoneNumber, auth };
}

/** Writes the credentials as Baileys' own `useMultiFileAuthState` does. @returns the folders */
export async function writeFolders(accounts: readonly LinkedAccount[], parent: string): Promise<string[]> {
  return await Promise.all(accounts.map(async ({ phoneNumber, auth }) => {
    const folder = join(parent, phoneNumber);
    const { state, saveCreds } = await useMultiFileAuthState(folder);
    Object.assign(state.creds, auth.creds);
    await saveCreds();
    await state.keys.set(latestPreKey(auth));
    return folder;
  }));
}

/** Puts the accounts into a worker's store, as open sessions. */
export async function writeStore(accounts: readonly LinkedAccount[], folder: string): Promise<void> {
  const database = await Database.open(folder);
  const store = makeStore(database, Date.now);
  for (const [index, { phoneNumber, auth }] of accounts.entries()) {
    const numberId = String(index + 1);
    await store.sessions.save({ numberId, numberIdJson: numberId, phoneNumber, atStart: "open" });
    const state = await loadAuthState(store.credentials, numberId);
    Object.assign(state.creds, auth.creds);
    await state.keys.set(latestPreKey(auth));
    await state.save();
  }
  store.close();
}

/** The one whose presence Baileys checks at a login; the others are for people who write to the account first. */
function latestPreKey({ creds, keys }: MemoryAuth) {
  return { "pre-key": keys.get("pre-key", [String(creds.nextPreKeyId - 1)]) };
}
