/** `usync`: who has WhatsApp, under which LID, on which devices. */
import { getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Contact } from "./contact.ts";
import type { Hub } from "./hub.ts";
import { element, textOf } from "./nodes.ts";

function devices(account: Contact | undefined, nowMs: number): BinaryNode {
  const list = account ? [element("device", { id: "0" })] : [];
  for (const id of account?.companions.keys() ?? []) {
    list.push(element("device", { id: String(id), "key-index": String(id) }));
  }
  const ts = String(Math.floor(nowMs / 1000));
  return element("devices", {}, [element("device-list", {}, list), element("key-index-list", { ts })]);
}

/** A user is asked for by JID, or by number inside `<contact>`. */
function answer(hub: Hub, user: BinaryNode, protocols: string[]): BinaryNode {
  const number = textOf(getBinaryNodeChild(user, "contact"));
  const asked = user.attrs.jid ?? `${number.replace(/^\+/, "")}@s.whatsapp.net`;
  const account = hub.directory.byJid(asked);
  if (number !== "") hub.stats.numberChecks++;
  const content: BinaryNode[] = [];
  for (const protocol of protocols) {
    if (protocol === "contact") content.push(element("contact", { type: account ? "in" : "out" }, number));
    if (protocol === "devices") content.push(devices(account, hub.now()));
    if (protocol === "lid" && account?.lidInDirectory && !asked.endsWith("@lid")) {
      content.push(element("lid", { val: account.lid }));
    }
  }
  // Who is asked for by a number they had once is told of by the one they have.
  return element("user", { jid: number !== "" && account ? account.jid : asked }, content);
}

/** The children of the answer to a usync query. */
export function answerUsync(hub: Hub, request: BinaryNode): BinaryNode[] {
  const usync = getBinaryNodeChild(request, "usync");
  const query = getBinaryNodeChild(usync, "query")?.content;
  const protocols = Array.isArray(query) ? query.map(({ tag }) => tag) : [];
  const users = getBinaryNodeChildren(getBinaryNodeChild(usync, "list"), "user");
  const list = users.map((user) => answer(hub, user, protocols));
  return [element("usync", usync?.attrs ?? {}, [
    element("result", {}, protocols.map((protocol) => element(protocol))),
    element("list", {}, list),
  ])];
}
