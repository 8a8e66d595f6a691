import type { WASocket } from "@whiskeysockets/baileys";

/** How often a message is sent again to one device that asks for it. Phones give up after as many attempts. */
const MAX_RESENDS = 5;
/** How often a contact is asked again for one message. */
const MAX_REQUESTS = 5;

/** What limits a socket's resends to {@link MAX_RESENDS}: Baileys counts each of them twice. */
export const MAX_RETRY_COUNT = 2 * MAX_RESENDS;

/** Has a socket ask for what it cannot decrypt no more often than {@link MAX_REQUESTS}, whatever limits its resends. */
export function limitRequests({ messageRetryManager }: Pick<WASocket, "messageRetryManager">): void {
  Object.assign(messageRetryManager ?? {}, { maxMsgRetryCount: MAX_REQUESTS });
}
