import type { Settings } from "../config/load.ts";
import { type Finding, warning } from "./check.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";

/** Where WhatsApp Web is, by its setting. */
export function whatsappEndpoint({ WHATSAPP_WEB_URL }: Settings): Endpoint {
  const ports = { "wss:": 443, "ws:": 80 };
  return endpointOf(WHATSAPP_WEB_URL, { service: "WhatsApp", setting: "WHATSAPP_WEB_URL", ports });
}

/** To load Baileys takes longer than anything else in this program, and nothing gets in between. */
export const BAILEYS_MS = 1_000;

/** What is said instead of loading it when there is not that much time. */
export const tooShort = (): Finding =>
  warning({
    code: "too_little_time",
    found: "not asked, as --timeout leaves no time for it",
    remedy: "Run --check with the default --timeout of 15 s",
  });
