/**
 * libsignal prints whole sessions, private keys included, to the console when it opens, closes or drops one. It has no
 * switch for that. These three methods of its `SessionRecord` are synchronous, so the console can be muted for exactly
 * their duration, and nothing else goes unheard.
 */
import { createRequire } from "node:module";

const METHODS = ["closeSession", "openSession", "removeOldSessions"] as const;
const MUTED = Symbol.for("stand-in.libsignal-muted");

type Method = (this: unknown, ...args: unknown[]) => unknown;

function muted(method: Method): Method {
  return function (this: unknown, ...args: unknown[]) {
    const { info, warn } = console;
    console.info = console.warn = () => {};
    try {
      return method.apply(this, args);
    } finally {
      Object.assign(console, { info, warn });
    }
  };
}

/** Mutes the methods for the whole process; calling it again changes nothing. */
export function quietLibsignal(): void {
  const requireFromBaileys = createRequire(import.meta.resolve("@whiskeysockets/baileys"));
  const SessionRecord = requireFromBaileys("libsignal/src/session_record.js") as {
    prototype: Record<string, Method> & { [MUTED]?: true };
  };
  const { prototype } = SessionRecord;
  if (prototype[MUTED]) return;
  for (const name of METHODS) prototype[name] = muted(prototype[name]!);
  prototype[MUTED] = true;
}
