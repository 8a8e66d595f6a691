import { deadlineIn } from "../../waiting.ts";
import type { Session } from "./session.ts";

/** Resolves with true once `session` is connected; with false at `untilMs`, or when `signal` aborts or it has no way to get there. */
export async function isConnectedBy(
  session: Pick<Session, "state" | "connected">,
  untilMs: number,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<boolean> {
  if (session.state === "connected") return true;
  using patience = deadlineIn(untilMs - now());
  return await session.connected(AbortSignal.any([patience.signal, signal]));
}
