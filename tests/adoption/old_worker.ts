/** The worker before this one: bare Baileys on `useMultiFileAuthState`, as its folders show that it was. */
import { join } from "node:path";
import { useMultiFileAuthState } from "@whiskeysockets/baileys";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";
import type { Line } from "../sessions/steps.ts";
import type { Stack } from "../stack.ts";
import { BareClient, pair } from "../stand_in/bare_client.ts";

/** Where the old worker keeps a number. */
export function oldFolder(
  { environment }: Pick<Stack, "environment">,
  { numberId, phoneNumber }: Line,
): string {
  return join(environment.SESSION_DIR!, `session_${numberId}_+${phoneNumber}`);
}

/** Runs the old worker for one number while `work` goes on, linking the number when it is not. @returns its folder */
export async function runOldWorker(
  stack: Stack,
  line: Line,
  work: (client: BareClient) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const { standIn } = stack;
  const folder = oldFolder(stack, line);
  // Of this process, in which a worker may have trusted another stand-in before.
  hardenBaileys(standIn.rootKeyHex);
  const { state, saveCreds } = await useMultiFileAuthState(folder);
  if (state.creds.account === undefined) {
    await pair(standIn.url, (qr) => standIn.phone(line.phoneNumber).scan(qr), state);
    await saveCreds();
  }
  {
    await using client = new BareClient(standIn.url, state);
    client.sock.ev.on("creds.update", () => void saveCreds());
    await client.open();
    await work(client);
  }
  // Behind all that were still being written.
  await saveCreds();
  return folder;
}
