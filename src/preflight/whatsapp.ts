import type { Settings } from "../config/load.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";

/** Where WhatsApp Web is, by its setting. */
export function whatsappEndpoint({ WHATSAPP_WEB_URL }: Settings): Endpoint {
  const ports = { "wss:": 443, "ws:": 80 };
  return endpointOf(WHATSAPP_WEB_URL, { service: "WhatsApp", setting: "WHATSAPP_WEB_URL", ports });
}
