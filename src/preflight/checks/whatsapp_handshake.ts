import { EXIT } from "../../exit_codes.ts";
import { type Check, failure, isTimeout, messageOf, ok, type Trouble } from "../check.ts";
import type { Endpoint } from "../endpoint.ts";
import { BAILEYS_MS, tooShort, whatsappEndpoint } from "../whatsapp.ts";
import { configuration } from "./configuration.ts";
import { whatsappUpgrade } from "./whatsapp_upgrade.ts";

/** The server proves that it is WhatsApp. Nobody logs in. */
export const whatsappHandshake: Check = {
  id: "whatsapp.handshake",
  title: "WhatsApp handshake",
  why: "Who answers without WhatsApp's own certificate could read along, so the worker does not log in there",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, whatsappUpgrade],
  async run(probe) {
    if (probe.leftMs() < BAILEYS_MS) return { findings: [tooShort()] };
    const settings = probe.valueOf(configuration);
    const { WHATSAPP_ROOT_KEY, WHATSAPP_WEB_URL } = settings;
    // Only now: they bring all of Baileys along.
    const { greetServer } = await import("../../whatsapp/socket/greeting.ts");
    const { hardenBaileys } = await import("../../whatsapp/socket/hardening.ts");
    hardenBaileys(WHATSAPP_ROOT_KEY);
    const startedAt = performance.now();
    try {
      await greetServer(WHATSAPP_WEB_URL, probe.signal);
    } catch (error) {
      return { findings: [failure(faultOf(error, whatsappEndpoint(settings)))] };
    }
    const ms = Math.round(performance.now() - startedAt);
    const whose = WHATSAPP_ROOT_KEY === undefined ? "WhatsApp's own" : "that of WHATSAPP_ROOT_KEY";
    return { findings: [ok(`certificate verified (${whose}), in ${ms} ms; not logged in`, { ms })] };
  },
};

function faultOf(error: unknown, { host, port, setting }: Endpoint): Trouble {
  const at = `${host}:${port}`;
  if ((error as { code?: unknown }).code === "untrusted_server") {
    return {
      code: "untrusted_server",
      found: `${at} cannot prove that it is WhatsApp: ${messageOf(error)}`,
      remedy:
        `Somebody sits in between, or ${setting} names another server: use another network, and compare the ` +
        "clock (timedatectl)",
    };
  }
  return {
    code: isTimeout(error) ? "handshake_silent" : "handshake_failed",
    found: isTimeout(error)
      ? `${at} takes websockets, but does not answer a greeting in time`
      : `${at} takes websockets, but does not greet as WhatsApp does: ${messageOf(error)}`,
    remedy:
      `Check ${setting}, and that no proxy in between changes what is sent; if that is well, look for a newer ` +
      "worker",
  };
}
