import { type BinaryNode, getBinaryNodeChild } from "@whiskeysockets/baileys";
import type { Socket } from "../socket/socket.ts";
import { whileOpen } from "../socket/while_open.ts";

/** How long WhatsApp may take to answer. */
const PATIENCE_MS = 10_000;

/** WhatsApp gives no code for this phone: there is none with this number, or it was asked too often. */
export class PairingCodeRefused extends Error {
  override readonly name = "PairingCodeRefused";
  readonly code = "pairing_code_refused";
}

/**
 * Asks WhatsApp to link by a code, and resolves with the code once WhatsApp has taken it. Baileys' own function resolves
 * when the question is written, so that nobody would hear of a refusal.
 *
 * @param phoneNumber E.164 digits of the phone that is to enter the code
 * @throws {PairingCodeRefused}
 * @throws {Error} when no answer comes
 */
export async function requestPairingCode(
  baileys: Pick<Socket["baileys"], "ev" | "ws" | "requestPairingCode">,
  phoneNumber: string,
): Promise<string> {
  const { ws } = baileys;
  const answer = Promise.withResolvers<BinaryNode>();
  ws.once("CB:iq,,link_code_companion_reg", answer.resolve);
  // The first question of this socket: nothing else can be refused.
  ws.once("CB:iq,type:error", answer.resolve);
  try {
    const code = await baileys.requestPairingCode(phoneNumber);
    const stanza = await whileOpen(baileys, PATIENCE_MS, answer.promise);
    if (stanza === undefined) throw new Error("WhatsApp has not answered the request for a pairing code");
    const refusal = getBinaryNodeChild(stanza, "error")?.attrs;
    if (refusal === undefined) return code;
    throw new PairingCodeRefused(
      `WhatsApp refuses a pairing code for +${phoneNumber} (${refusal.code}: ${refusal.text}): the session is removed, ` +
        "send 'create' for a QR or 'pairing_code' to try again",
    );
  } finally {
    ws.off("CB:iq,,link_code_companion_reg", answer.resolve);
    ws.off("CB:iq,type:error", answer.resolve);
  }
}
