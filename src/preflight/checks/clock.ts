import { webPageUrl } from "../../whatsapp/session/web_page.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Check, ok, warning } from "../check.ts";
import { configuration } from "./configuration.ts";

/** As good as it can be told: a `Date` has whole seconds, and the way there and back takes some of one. */
const MEASURED_S = 2;
/** Nothing of the worker's minds this much. */
const TOLERATED_S = 30;

/** This machine's clock, compared with those of the servers that the worker talks to. */
export const clock: Check = {
  id: "clock",
  title: "Clock",
  why: "With a wrong clock certificates do not hold, and every message is dated wrong",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration],
  async run(probe) {
    const { WHATSAPP_WEB_URL, BACKEND_API_URL } = probe.valueOf(configuration);
    const urls = [webPageUrl(WHATSAPP_WEB_URL), new URL(BACKEND_API_URL)];
    const answers = await Promise.all(urls.map(async (url) => {
      const aheadS = await secondsAheadOf(url, probe.signal);
      return aheadS === undefined ? [] : [{ host: url.host, aheadS }];
    }));
    const [first] = answers.flat();
    if (first === undefined) {
      return {
        findings: [ok("not asked: neither WhatsApp nor the backend tells the time", { asked: false })],
      };
    }
    const facts = { asked: true, ...first };
    const off = Math.abs(first.aheadS);
    const found = off <= MEASURED_S
      ? `right, by ${first.host}`
      : `This machine's clock is ${inWords(off)} ${first.aheadS > 0 ? "fast" : "slow"}, by ${first.host}`;
    if (off <= TOLERATED_S) return { findings: [ok(found, facts)] };
    return {
      findings: [warning({
        code: "clock_skew",
        found,
        remedy: "timedatectl set-ntp true (Debian: apt-get install systemd-timesyncd); then see: timedatectl",
        facts,
      })],
    };
  },
};

/** How much this clock is ahead of that of a server; `undefined` when it does not tell the time. */
async function secondsAheadOf(url: URL, signal: AbortSignal): Promise<number | undefined> {
  const askedAtMs = Date.now();
  let response: Response;
  try {
    response = await fetch(url, { method: "HEAD", redirect: "manual", signal });
  } catch (error) {
    // Why it cannot be reached is for other checks to say.
    if (error instanceof TypeError || signal.aborted) return undefined;
    throw error;
  }
  await response.body?.cancel();
  const theirsMs = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(theirsMs)) return undefined;
  const halfwayMs = (askedAtMs + Date.now()) / 2;
  return Math.round((halfwayMs - theirsMs) / 1000);
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
