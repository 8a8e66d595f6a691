import type { Logger } from "pino";
import type { Store } from "../../store/store.ts";
import type { Socket } from "../socket/socket.ts";

/** What things are done in chats with. */
export interface ActionContext {
  /** Digits. */
  readonly numberId: string;
  /** The number's socket, open when it was handed over. */
  readonly socket: Socket;
  /** Whether WhatsApp lets the number write to nobody new. */
  readonly restricted: boolean;
  readonly store: Store;
  readonly log: Logger;
}
