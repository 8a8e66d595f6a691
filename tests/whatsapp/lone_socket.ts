/** A socket to WhatsApp with no session above it. */

import pino from "pino";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import { loadAuthState } from "../../src/whatsapp/signal/auth_state.ts";
import type { Closure } from "../../src/whatsapp/socket/close_codes.ts";
import { openSocket, type SocketOptions } from "../../src/whatsapp/socket/socket.ts";
import type { SocketEvents } from "../../src/whatsapp/socket/socket_events.ts";
import { clearBaileysTimers } from "../baileys_timers.ts";

/** A socket without credentials, and promises of what it tells. */
export async function loneSocket(url: string, options: Partial<SocketOptions> = {}) {
  const store = makeStore(Database.inMemory(), Date.now);
  const closed = Promise.withResolvers<Closure>();
  const shown = Promise.withResolvers<string>();
  const events: SocketEvents = {
    onRefusedNew: () => {},
    onQr: ({ qr }) => shown.resolve(qr),
    onOpen: () => {},
    onClose: closed.resolve,
    onMessages: () => {},
    onDecrypted: () => Promise.resolve({ statements: [] }),
    onPlain: () => Promise.resolve(),
    onReceipt: () => Promise.resolve(),
    onAck: () => {},
    onStanza: () => {},
    onMediaUpdate: () => {},
    onRoundTrip: () => {},
    onTimelock: () => {},
    onUnavailable: () => Promise.resolve(),
    onUndecryptable: () => Promise.resolve(),
    onLost: () => Promise.resolve(),
    onCall: () => Promise.resolve(),
  };
  const socket = openSocket({
    url,
    auth: await loadAuthState(store.credentials, "6"),
    events,
    findSent: () => Promise.resolve(undefined),
    random: () => 0.5,
    retryCounts: { get: () => undefined, set: () => {}, del: () => {}, flushAll: () => {} },
    log: pino({ level: "silent" }),
    ...options,
  });
  return {
    socket,
    closed: closed.promise,
    shown: shown.promise,
    [Symbol.asyncDispose]: async () => {
      await socket.end();
      clearBaileysTimers();
      store.close();
    },
  };
}
