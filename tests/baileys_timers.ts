/**
 * Baileys races its queries and uploads against timers of up to 30 s and clears none of them, so that no test in which
 * it logs in could end without a leak. Imported for its effect: timers that Baileys' own code starts are remembered, and
 * a test that uses it ends with {@link clearBaileysTimers}. Whatever else leaks is still found by Deno's sanitizers.
 */
const pending = new Set<ReturnType<typeof setTimeout>>();
const startTimer = globalThis.setTimeout;

globalThis.setTimeout = Object.assign((...args: Parameters<typeof setTimeout>) => {
  const timer = startTimer(...args);
  if (new Error().stack?.includes("/@whiskeysockets/baileys/")) pending.add(timer);
  return timer;
}, startTimer);

/** Ends the timers Baileys has left behind; call it when its sockets are ended. */
export function clearBaileysTimers(): void {
  for (const timer of pending) clearTimeout(timer);
  pending.clear();
}
