import { isLiteralLoopback } from "../../config/rules.ts";

/** Where media are whatever host has them. */
export const PUBLIC_HOST = "mmg.whatsapp.net";

/**
 * The URL of a path on one of WhatsApp's media hosts. They are spoken to as safely as its server is: plain where that is a
 * stand-in on this machine, which may name no other host than its own kind.
 *
 * @param webUrl of WhatsApp's server
 * @param host with port or without, as the server named it; never as a message does, whose sender could name any
 */
export function mediaUrlOf(webUrl: string, host: string, path: string): URL {
  const secure = webUrl.startsWith("wss:");
  const url = new URL(`${secure ? "https" : "http"}://${host}`);
  if (url.host !== host || (!secure && !isLiteralLoopback(url.hostname))) {
    throw new Error(`WhatsApp's server named a media host that cannot be one: '${host}'`);
  }
  const { href, origin } = new URL(path, url);
  // `//host/` and `/\host/` are other hosts.
  if (!path.startsWith("/") || origin !== url.origin) {
    throw new Error("The path of a medium is none on WhatsApp's media hosts");
  }
  return new URL(href);
}
