import { type BinaryNode, S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import type { Socket } from "../socket/socket.ts";
import { whileOpen } from "../socket/while_open.ts";

/** How long WhatsApp may take to answer. */
const PATIENCE_MS = 10_000;

/** What came of asking WhatsApp to unlink this device. */
export type Unlinking =
  | { readonly outcome: "unlinked" }
  /** It will not; the device stays linked. */
  | { readonly outcome: "refused"; readonly code: number; readonly text: string }
  /** No answer came: the device may be unlinked or not, the next login tells. */
  | { readonly outcome: "unknown" };

/**
 * Asks WhatsApp to unlink this device and waits for its word; Baileys' own `logout()` does not wait. Never rejects.
 *
 * @see https://github.com/tulir/whatsmeow/blob/main/client.go Logout, which asks and waits the same way
 */
export async function unlink(baileys: Socket["baileys"]): Promise<Unlinking> {
  const request: BinaryNode = {
    tag: "iq",
    attrs: { to: S_WHATSAPP_NET, type: "set", xmlns: "md" },
    content: [{
      tag: "remove-companion-device",
      attrs: { jid: baileys.user?.id ?? "", reason: "user_initiated" },
    }],
  };
  try {
    const answer = await whileOpen(baileys, PATIENCE_MS, baileys.query(request, PATIENCE_MS));
    return { outcome: answer === undefined ? "unknown" : "unlinked" };
  } catch (error) {
    // WhatsApp's own refusals carry its code as `data`; without it the question did not get there.
    const { data, message } = error as { data?: unknown; message: string };
    if (typeof data !== "number") return { outcome: "unknown" };
    return { outcome: "refused", code: data, text: message };
  }
}
