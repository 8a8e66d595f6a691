import type { ChatAction } from "../../contract/commands.ts";
import type { ActionContext } from "./action_context.ts";

const STATES = { TYPING: "composing", RECORDING: "recording", PAUSED: "paused" } as const;

/**
 * Shows in a chat that somebody types or records, or no longer does. WhatsApp's apps take it back by themselves after some
 * seconds. The number is not said to be online for it: for as long as it were, its phone would stop its own notifications.
 */
export async function showState(
  { type, to }: ChatAction<keyof typeof STATES>,
  { socket: { baileys } }: ActionContext,
): Promise<Record<string, never>> {
  await baileys.sendPresenceUpdate(STATES[type], to);
  return {};
}
