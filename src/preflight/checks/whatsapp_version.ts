import { EXIT } from "../../exit_codes.ts";
import { type Check, isTimeout, messageOf, ok, warning } from "../check.ts";
import { recall } from "../state.ts";
import { BAILEYS_MS, tooShort } from "../whatsapp.ts";
import { configuration } from "./configuration.ts";
import { whatsappReach } from "./whatsapp_reach.ts";

/** The version WhatsApp Web has today, beside the one the worker logs in with. */
export const whatsappVersion: Check = {
  id: "whatsapp.version",
  title: "WhatsApp version",
  why: "WhatsApp refuses versions that are too old; the worker then asks WhatsApp's page which one is in use",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, whatsappReach],
  async run(probe) {
    if (probe.leftMs() < BAILEYS_MS) return { findings: [tooShort()] };
    const { WHATSAPP_WEB_URL, SESSION_DIR } = probe.valueOf(configuration);
    // Only now: it brings all of Baileys along.
    const { BUNDLED, MEMORY_KEY } = await import("../../whatsapp/session/web_version.ts");
    const { fetchWebVersion } = await import("../../whatsapp/session/web_page.ts");
    const lastGood = (await recall(SESSION_DIR, [MEMORY_KEY], probe.signal)).get(MEMORY_KEY);
    const known = `bundled ${BUNDLED.text}, ${
      lastGood === undefined ? "no login yet from this state folder" : `last login with ${lastGood}`
    }`;
    const facts = { bundled: BUNDLED.text, lastGood: lastGood ?? null };
    try {
      const today = (await fetchWebVersion(WHATSAPP_WEB_URL, { signal: probe.signal })).join(".");
      return { findings: [ok(`WhatsApp Web is at ${today}; ${known}`, { ...facts, today })] };
    } catch (error) {
      return {
        findings: [warning({
          code: "version_unknown",
          found: `WhatsApp's page does not say which version is in use: ${
            isTimeout(error) ? "it does not answer in time" : messageOf(error)
          }; ${known}`,
          remedy:
            "The worker needs it once WhatsApp refuses its version: let HTTPS to that host pass; should numbers " +
            "not connect, look for a newer worker",
          facts,
        })],
      };
    }
  },
};
