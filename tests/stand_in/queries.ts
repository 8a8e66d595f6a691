/** Answers to the `<iq>`s a logged-in client sends, one entry for every namespace. */
import { Buffer } from "node:buffer";
import { getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Companion } from "./companion.ts";
import { answerAboutGroups } from "./groups.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { goActive } from "./login.ts";
import { MEDIA_AUTH } from "./media_host.ts";
import { element, iqError, iqResult, type Refused } from "./nodes.ts";
import { bundleNodes } from "./prekeys.ts";
import { answerUsync } from "./usync.ts";

/** One client's question. */
interface Query {
  hub: Hub;
  link: Link;
  companion: Companion;
  request: BinaryNode;
}

/** The children of the result, or what it is refused with; `undefined` for "not implemented". */
type Content = BinaryNode[] | Refused | undefined;
type Answer = (query: Query) => Promise<Content> | Content;

const PRIVACY = ["profile", "status", "online", "last", "groupadd", "calladd"];

async function bundles({ hub, request }: Query): Promise<BinaryNode[]> {
  const users = getBinaryNodeChildren(getBinaryNodeChild(request, "key"), "user");
  const list = users.map(async ({ attrs }) => {
    const jid = attrs.jid ?? "";
    const device = hub.directory.endpoint(jid);
    if (!device) return element("user", { jid }, [element("error", { code: "404", text: "item-not-found" })]);
    if (device.deviceId === 0 && !device.owner.hasKeys) {
      return element("user", { jid }, [element("error", { code: "406", text: "not-acceptable" })]);
    }
    return element("user", { jid }, bundleNodes(await device.takeBundle()));
  });
  return [element("list", {}, await Promise.all(list))];
}

const encrypt: Answer = (query) => {
  const { hub, request, companion: { preKeys } } = query;
  const asked = (tag: string) => getBinaryNodeChild(request, tag);
  if (request.attrs.type === "get") {
    if (asked("count")) return [element("count", { value: String(preKeys.count) })];
    if (asked("digest")) return [preKeys.digest()];
    return asked("key") && bundles(query);
  }
  if (asked("rotate")) {
    preKeys.rotate(getBinaryNodeChild(asked("rotate"), "skey"));
    return [];
  }
  const before = preKeys.count;
  preKeys.upload(request);
  hub.stats.preKeys += preKeys.count - before;
  return [];
};

/** Every collection asked for comes back, empty: one left out makes the client ask for ever. */
const appState: Answer = ({ request }) => {
  const collections = getBinaryNodeChildren(getBinaryNodeChild(request, "sync"), "collection");
  return [
    element(
      "sync",
      {},
      collections.map(({ attrs: { name = "", version = "0" } }) =>
        element("collection", { name, version, has_more_patches: "false" })
      ),
    ),
  ];
};

/** GraphQL inside XML: how an account stands, and how many new chats it may open. */
const graphQl: Answer = ({ hub, request }) => {
  const query = getBinaryNodeChild(request, "query")?.content;
  const text = query instanceof Uint8Array ? Buffer.from(query).toString() : "";
  const { timelockEndsAtMs } = hub.faults;
  const restricted = hub.faults.isTimelocked(hub.now());
  const endsAtS = Math.floor((timelockEndsAtMs ?? hub.now() + 3_600_000) / 1000);
  const ends = timelockEndsAtMs === null ? {} : { time_enforcement_ends: String(endsAtS) };
  const data = text.includes("INDIVIDUAL_NEW_CHAT_MSG")
    ? { xwa2_message_capping_info: { total_quota: -1, used_quota: 0 } }
    : {
      xwa2_fetch_account_reachout_timelock: {
        is_active: restricted,
        ...(restricted && { ...ends, enforcement_type: "WEB_COMPANION_ONLY" }),
      },
    };
  return [element("result", {}, Buffer.from(JSON.stringify({ data })))];
};

const ANSWERS: Record<string, Answer> = {
  encrypt,
  usync: ({ hub, request }) => answerUsync(hub, request),
  passive: () => [],
  "w:p": () => [],
  abt: () => [element("props", { protocol: "1", hash: "stand-in" }, [])],
  blocklist: () => [element("list", {}, [])],
  privacy: ({ request, companion: { owner } }) => {
    if (request.attrs.type === "set") return [];
    const shown = PRIVACY.map((name) => element("category", { name, value: "all" }));
    const reading = element("category", { name: "readreceipts", value: owner.showsReading ? "all" : "none" });
    return [element("privacy", {}, [reading, ...shown])];
  },
  "w:sync:app:state": appState,
  "w:mex": graphQl,
  "w:m": ({ hub }) => [
    element("media_conn", { auth: MEDIA_AUTH, ttl: "300", auth_ttl: "3600", max_buckets: "12" }, [
      element("host", { hostname: hub.mediaHost() }),
    ]),
  ],
  "w:stats": () => [],
  "urn:xmpp:whatsapp:dirty": () => [],
  disappearing_mode: () => [],
  status: () => [],
  "w:g2": ({ hub, companion, request }) => answerAboutGroups(hub, companion.owner, request),
  md: ({ request }) => getBinaryNodeChild(request, "remove-companion-device") && [],
};

/** Answers a query, and does what follows from it. */
export async function answerQuery(
  hub: Hub,
  link: Link,
  companion: Companion,
  request: BinaryNode,
): Promise<void> {
  const { xmlns = "", type } = request.attrs;
  const { unlinkRefusal } = hub.faults;
  const unlinks = getBinaryNodeChild(request, "remove-companion-device") !== undefined;
  if (unlinks) hub.stats.unlinks++;
  if (unlinks && unlinkRefusal !== undefined) {
    if (unlinkRefusal !== "silence") link.send(iqError(request, unlinkRefusal, "refused"));
    return;
  }
  if (xmlns === hub.faults.unanswered) {
    hub.stats.unanswered++;
    return;
  }
  const content = await ANSWERS[xmlns]?.({ hub, link, companion, request });
  if (content !== undefined && "refused" in content) {
    link.send(iqError(request, content.refused, content.text));
    return;
  }
  if (!content) {
    const children = Array.isArray(request.content) ? request.content.map(({ tag }) => tag).join(" ") : "";
    hub.stats.unknown.push(`iq ${type} ${xmlns} <${children}>`);
    link.send(iqError(request, 501, "feature-not-implemented"));
    return;
  }
  link.send(iqResult(request, content.length > 0 ? content : undefined));
  if (xmlns === "passive" && getBinaryNodeChild(request, "active")) goActive(hub, link, companion);
  if (xmlns === "md") companion.unlink();
}
