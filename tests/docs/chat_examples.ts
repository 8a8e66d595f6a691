/** What is done in chats, as a backend may ask for it: `docs/messages.md` shows it, and a test sends it. */

import type { ChatActionType } from "../../src/contract/messages.ts";
import { IDS, PEOPLE } from "../matrix/examples.ts";

/** A group that the number is in. */
export const GROUP = "120363000000000001@g.us";

/** The bodies, but for the number and the backend's id. */
export const CHAT_EXAMPLES: Readonly<Record<ChatActionType, Readonly<Record<string, unknown>>>> = {
  READ: { recipientNumber: `+${PEOPLE.friend}`, type: "READ", targets: [IDS.theirs] },
  TYPING: { recipientNumber: `+${PEOPLE.friend}`, type: "TYPING" },
  RECORDING: { recipientNumber: `+${PEOPLE.friend}`, type: "RECORDING" },
  PAUSED: { recipientNumber: `+${PEOPLE.friend}`, type: "PAUSED" },
  CHECK_NUMBER: { type: "CHECK_NUMBER", phoneNumber: `+${PEOPLE.friend}` },
  GROUP_LIST: { type: "GROUP_LIST" },
  GROUP_INFO: { recipientNumber: GROUP, type: "GROUP_INFO" },
};
