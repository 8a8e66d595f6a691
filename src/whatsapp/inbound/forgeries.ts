import { isJidGroup, isLidUser, isPnUser, type WAMessageKey } from "@whiskeysockets/baileys";
import type { Store } from "../../store/store.ts";
import { type Identities, type OwnAccount, person } from "../identities.ts";
import { knownMessage } from "../messages/known_messages.ts";
import type { Content } from "./kinds/content.ts";
import { targetOf } from "./targets.ts";

/** Whose messages they are, and who is who. */
export interface ForgeryContext {
  readonly store: Pick<Store, "ledger" | "messages">;
  readonly numberId: string;
  readonly own: OwnAccount;
  readonly identities: Pick<Identities, "isSame">;
}

/**
 * Whether somebody edits, or takes back, what somebody else wrote: the number's own messages, for one. WhatsApp's server
 * cannot tell, and its apps take no notice of it. In a group its admins may take back anything; who they are is not known.
 *
 * @param key of the message that does so
 */
export async function isForged(
  { type, target }: Pick<Content, "type" | "target">,
  key: WAMessageKey,
  { store, numberId, own, identities }: ForgeryContext,
): Promise<boolean> {
  const { remoteJid, participant, participantAlt } = key;
  const chat = remoteJid ?? "";
  const isGroup = isJidGroup(chat) === true;
  const isChange = type === "EDIT" || (type === "DELETE" && !isGroup);
  if (target === undefined || !isChange || !(isGroup || isPnUser(chat) || isLidUser(chat))) return false;
  const claimed = targetOf(target, key, person(own.jid, own.lid).names);
  const known = await knownMessage(store, { numberId, identities }, claimed.messageId, { chat });
  // What is known counts for more than what is claimed.
  const { fromMe } = known ?? claimed;
  if (fromMe !== (key.fromMe === true)) return true;
  const { author } = known ?? {};
  if (fromMe || author === undefined) return false;
  const names = [participant, participantAlt].filter((name) => !!name).map((name) => name!);
  for (const name of names) if (await identities.isSame(author, name)) return false;
  // Under two kinds of names two people may be one, whom nobody has introduced yet.
  return names.some((name) => isLidUser(name) === isLidUser(author));
}
