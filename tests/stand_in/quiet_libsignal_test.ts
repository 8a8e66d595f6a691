import assert from "node:assert/strict";
import { SignalPeer } from "./signal_peer.ts";

Deno.test("quietLibsignal() keeps sessions and their private keys off the console", async () => {
  const printed: unknown[] = [];
  const { info, warn } = console;
  console.info = console.warn = (...args: unknown[]) => void printed.push(...args);
  try {
    const [alice, bob] = [new SignalPeer(), new SignalPeer()];
    // Both write first, so each has an open session to close when the other's message comes in.
    await alice.meet("2@lid", await bob.bundle());
    await bob.meet("1@lid", await alice.bundle());
    const message = await alice.encrypt("2@lid", { conversation: "salut" });
    assert.equal((await bob.decrypt("1@lid", message)).conversation, "salut");
    alice.close();
    bob.close();
  } finally {
    Object.assign(console, { info, warn });
  }
  // This line without any key is all that is left: it comes from an asynchronous method, where muting would be too wide.
  assert.deepEqual(printed, ["Closing open session in favor of incoming prekey bundle"]);
});
