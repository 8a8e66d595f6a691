/** What happens when a client has shaken hands: a login, a registration, or a refusal. */
import { Buffer } from "node:buffer";
import { type BinaryNode, jidEncode } from "@whiskeysockets/baileys";
import { Companion } from "./companion.ts";
import { closingStanza } from "./faults.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { element } from "./nodes.ts";
import type { ClientFinish } from "./noise.ts";
import { Pairing } from "./pairing.ts";
import { Phone } from "./phone.ts";

/** `<failure>`, the answer to a login or registration that is not wanted. */
export function refusal(reason: number): BinaryNode {
  return element("failure", { reason: String(reason), location: "frc" });
}

/** Registers the client, logs it in, turns it away, or lets it wait. */
export function admit(hub: Hub, link: Link, finish: ClientFinish): void {
  hub.stats.links++;
  hub.stats.versions.push(Object.values(finish.payload.userAgent?.appVersion ?? {}).join("."));
  const { held } = hub.faults;
  if (held === undefined) return decide(hub, link, finish);
  hub.background("a held login", async () => {
    await held;
    if (link.isOpen) decide(hub, link, finish);
  });
}

function decide(hub: Hub, link: Link, { staticKey, payload }: ClientFinish): void {
  const { loginRefusal, leastRevision = 0 } = hub.faults;
  const last = hub.faults.takeAtNextLogin(String(payload.username ?? ""));
  if (last !== undefined) return last === "cut" ? link.drop() : link.end(last);
  if (loginRefusal !== undefined) return link.end(refusal(loginRefusal));
  if ((payload.userAgent?.appVersion?.tertiary ?? 0) < leastRevision) return link.end(refusal(405));
  if (payload.devicePairingData) {
    const pairing = new Pairing(hub, link, staticKey, payload.devicePairingData);
    link.pairing = pairing;
    hub.pairings.add(pairing);
    hub.background("offering QR refs", () => untilClosed(pairing.offer()));
    return;
  }
  const jid = jidEncode(String(payload.username), "s.whatsapp.net", payload.device ?? 0);
  const device = hub.directory.endpoint(jid);
  // What a server says of a companion that was removed, never existed, or comes with somebody else's key.
  if (!(device instanceof Companion) || !Buffer.from(device.noiseKey).equals(staticKey)) {
    return link.end(refusal(401));
  }
  logIn(hub, link, device);
}

/** A client may leave at any time; that is no fault of its registration. */
async function untilClosed(offer: Promise<void>): Promise<void> {
  await offer.catch(() => {});
}

function logIn(hub: Hub, link: Link, companion: Companion): void {
  companion.link?.end(closingStanza(440));
  companion.link = link;
  link.companion = companion;
  hub.stats.logins++;
  link.send(element("success", {
    t: String(Math.floor(hub.now() / 1000)),
    props: "27",
    location: "frc",
    companion_enc_static: "",
    lid: companion.lid,
  }));
}

/**
 * The client has declared itself active: what it missed goes out, then `<ib><offline count/></ib>`, then new stanzas as
 * they come. A companion linked just now also gets its history.
 */
export function goActive(hub: Hub, link: Link, companion: Companion): void {
  const count = String(companion.mailbox.size);
  if (count !== "0") {
    const preview = { count, message: count, receipt: "0", notification: "0", appdata: "0" };
    link.send(element("ib", {}, [element("offline_preview", preview)]));
  }
  const { sent, again } = companion.mailbox.open(link);
  hub.stats.redelivered += again;
  link.send(element("ib", {}, [element("offline", { count: String(sent) })]));
  const phone = companion.owner;
  if (phone instanceof Phone) hub.background("first history", () => phone.welcome(companion));
}
