import type { Logger } from "pino";

/** What Baileys wants of a logger. */
export interface BaileysLogger {
  level: string;
  child(fields: Record<string, unknown>): BaileysLogger;
  trace(fields: unknown, message?: string): void;
  debug(fields: unknown, message?: string): void;
  info(fields: unknown, message?: string): void;
  warn(fields: unknown, message?: string): void;
  error(fields: unknown, message?: string): void;
}

/**
 * Passes on what Baileys says, but only its sentences: the objects beside them hold keys, stanzas and texts of
 * messages. One level lower each, because what is an error to Baileys is mostly a lost link to us.
 */
export function baileysLogger(log: Logger): BaileysLogger {
  const sentence = (fields: unknown, message?: string): string => {
    // Called as `(sentence, stanza)` too.
    if (typeof fields === "string") return fields;
    return message ?? "event without a sentence";
  };
  const logger: BaileysLogger = {
    // Never `trace`: at that level Baileys writes every stanza as text.
    level: "debug",
    child: () => logger,
    trace: () => {},
    debug: (fields, message) => log.trace({ from: "baileys" }, sentence(fields, message)),
    info: (fields, message) => log.debug({ from: "baileys" }, sentence(fields, message)),
    warn: (fields, message) => log.debug({ from: "baileys" }, sentence(fields, message)),
    error: (fields, message) => log.info({ from: "baileys" }, sentence(fields, message)),
  };
  return logger;
}
