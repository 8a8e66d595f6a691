import type { SignalKeyStore } from "@whiskeysockets/baileys";

/** For how long WhatsApp takes a token: four weeks, by the calendar of its own. */
const TOKEN_MS = 21 * 24 * 60 * 60_000;

/**
 * Whether WhatsApp has given this device a token of one of these JIDs, with which it takes messages to them from an account
 * that may write to nobody new. It comes with the chats that the phone has, and from people who write to the number.
 *
 * @see Baileys' `tc-token-utils`, which puts it on the messages
 */
export async function holdsToken(
  keys: Pick<SignalKeyStore, "get">,
  jids: readonly string[],
  nowMs: number,
): Promise<boolean> {
  const tokens = await keys.get("tctoken", [...jids]);
  return jids.some((jid) => {
    const { token, timestamp } = tokens[jid] ?? {};
    return token !== undefined && token.length > 0 && Number(timestamp) * 1000 > nowMs - TOKEN_MS;
  });
}
