import { Buffer } from "node:buffer";
import { hkdfSync } from "node:crypto";
import { aesDecryptGCM, type proto, type WAMessageKey } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Store } from "../../store/store.ts";
import { type Identities, type OwnAccount, person } from "../identities.ts";
import { type KnownMessage, knownMessage } from "../messages/known_messages.ts";
import type { Content, Sealed, SecretUse } from "./kinds/content.ts";
import { targetOf } from "./targets.ts";

/** Where the secrets are, and who is who. */
export interface SecretsContext {
  readonly store: Pick<Store, "ledger" | "messages">;
  readonly numberId: string;
  readonly own: OwnAccount;
  readonly identities: Pick<Identities, "isSame" | "namesOf">;
  readonly log: Logger;
}

/** The uses whose ciphertext names who has made it. */
const AUTHENTICATED: ReadonlySet<SecretUse> = new Set<SecretUse>(["Poll Vote", "Event Response"]);

/**
 * Opens what the secret of another message seals: votes, reactions and comments in communities, answers to events, edits.
 * The key is derived from the JIDs of both authors, each of whom may have been meant by number or by LID.
 *
 * @param key of the message, with what is known of its author
 * @returns the content as it is when the other message is not known, or its secret does not open this
 */
export async function unsealed(
  content: Content,
  key: WAMessageKey,
  context: SecretsContext,
): Promise<Content> {
  const { sealed, target } = content;
  if (sealed === undefined || target === undefined) return content;
  const { log, store, own, numberId, identities } = context;
  const me = person(own.jid, own.lid).names;
  const about = targetOf(target, key, me);
  const known = await knownMessage(store, { numberId, identities }, about.messageId, {
    chat: key.remoteJid ?? "",
  });
  const secret = known && secretOf(known.message);
  if (known === undefined || !secret) {
    log.info(
      { whatsappId: key.id, use: sealed.use },
      "a message is about one that is not known, and stays sealed",
    );
    return content;
  }
  const authors = await authorsOf(known, about.participant, me, identities);
  const makers = key.fromMe
    ? me
    : await namesOf([key.participant || key.remoteJid, key.participantAlt, key.remoteJidAlt], identities);
  for (const author of authors) {
    for (const maker of makers) {
      const plaintext = decrypt(sealed, secret, { messageId: about.messageId, author, maker });
      if (plaintext !== undefined) return opened(content, sealed, plaintext, known.message, context);
    }
  }
  log.warn({ whatsappId: key.id, use: sealed.use }, "the secret of a message does not open what is about it");
  return content;
}

function opened(
  content: Content,
  sealed: Sealed,
  plaintext: Uint8Array,
  about: proto.IMessage,
  { log }: SecretsContext,
): Content {
  try {
    return sealed.open(plaintext, about);
  } catch (error) {
    log.warn({ err: error, use: sealed.use }, "what was sealed in a message is none");
    return content;
  }
}

/** The secret of a message, which stands beside its content, in a wrapper or around it. */
function secretOf(message: proto.IMessage): Uint8Array | undefined {
  const secret = message.messageContextInfo?.messageSecret;
  if (secret?.length) return secret;
  const inner = message.ephemeralMessage ?? message.viewOnceMessage ?? message.viewOnceMessageV2 ??
    message.pollCreationMessageV4;
  const poll = message.pollCreationMessage ?? message.pollCreationMessageV2 ?? message.pollCreationMessageV3;
  return inner?.message ? secretOf(inner.message) : poll?.encKey ?? undefined;
}

/** Everybody who may have been meant by the author of a message. */
async function authorsOf(
  { fromMe, author, chat }: KnownMessage,
  named: string | undefined,
  me: readonly string[],
  identities: SecretsContext["identities"],
): Promise<readonly string[]> {
  return fromMe ? me : await namesOf([named, author, chat], identities);
}

/** People's JIDs of both forms, without devices. */
async function namesOf(
  jids: readonly (string | null | undefined)[],
  identities: SecretsContext["identities"],
): Promise<string[]> {
  const names = await Promise.all(jids.map((jid) => jid ? identities.namesOf(jid) : []));
  return [...new Set(names.flat())];
}

/** `undefined` when the key is another's. @see https://github.com/tulir/whatsmeow/blob/main/msgsecret.go */
function decrypt(
  { use, payload, iv }: Sealed,
  secret: Uint8Array,
  { messageId, author, maker }: { messageId: string; author: string; maker: string },
): Uint8Array | undefined {
  const key = Buffer.from(hkdfSync("sha256", secret, "", `${messageId}${author}${maker}${use}`, 32));
  const aad = Buffer.from(AUTHENTICATED.has(use) ? `${messageId}\0${maker}` : "");
  try {
    return aesDecryptGCM(payload, key, iv, aad);
  } catch {
    return undefined;
  }
}
