/**
 * What a gateway starts as, for `stored_sessions.ts`: raw Baileys, and credentials in its own folders.
 *
 *     deno run -A raw_sessions.ts '{"url","folders":["…"],"rootKeyHex"?}'
 */

import { makeWASocket, useMultiFileAuthState } from "@whiskeysockets/baileys";
import { pino } from "pino";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";

/** What it is told. */
export interface RawSessionsTask {
  readonly url: string;
  /** One for each session, as `useMultiFileAuthState` writes it. */
  readonly folders: readonly string[];
  /** Verify the server, by this root, and natively; without it Baileys is left as it is. */
  readonly rootKeyHex?: string | undefined;
}

/** What it prints when all sessions are open. */
export const ALL_OPEN = "all sessions are open";

globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());

async function main({ url, folders, rootKeyHex }: RawSessionsTask): Promise<void> {
  if (rootKeyHex !== undefined) hardenBaileys(rootKeyHex);
  const logger = pino({ level: "silent" });
  await Promise.all(folders.map(async (folder) => {
    const { state, saveCreds } = await useMultiFileAuthState(folder);
    const { promise, resolve } = Promise.withResolvers<void>();
    const open = () => {
      const { ev } = makeWASocket({ waWebSocketUrl: url, auth: state, logger });
      ev.on("creds.update", saveCreds);
      ev.on("connection.update", ({ connection }) => {
        if (connection === "open") resolve();
        // With hundreds at once some time out before they are through.
        if (connection === "close") open();
      });
    };
    open();
    await promise;
  }));
  console.log(ALL_OPEN);
  // Without a session nothing else keeps it alive.
  setInterval(() => {}, 60_000);
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
