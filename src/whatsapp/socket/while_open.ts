import type { BaileysEventMap } from "@whiskeysockets/baileys";
import type { Socket } from "./socket.ts";

/**
 * Waits for `answer` until the socket is closed or `timeoutMs` is over, and resolves with `undefined` then. Baileys itself
 * lets a question that was asked on a socket wait on when the socket is closed.
 */
export async function whileOpen<T>(
  { ev }: Pick<Socket["baileys"], "ev">,
  timeoutMs: number,
  answer: Promise<T>,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onUpdate = ({ connection }: BaileysEventMap["connection.update"]) => {
    if (connection === "close") resolve(undefined);
  };
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  ev.on("connection.update", onUpdate);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
    ev.off("connection.update", onUpdate);
  }
}
