import { type BinaryNode, type CacheStore, jidDecode, type JidWithDevice } from "@whiskeysockets/baileys";

/** Who else somebody is. */
interface Aliases {
  aliasOf(jid: string): Promise<string | null>;
}

/**
 * Takes devices that WhatsApp's server has no keys of out of its answer. Baileys takes one of them for a failure of the whole
 * answer: a group could not be written to for as long as one device of one member is without keys.
 *
 * @param answer changed in place: Baileys is the next to read it, and remembers the children that a node had
 * @returns the JIDs of those devices
 */
export function takeKeyless({ tag, attrs, content }: BinaryNode): string[] {
  if (tag !== "iq" || attrs.type !== "result" || !Array.isArray(content)) return [];
  const list = content.find((child) => child.tag === "list");
  if (list === undefined || !Array.isArray(list.content)) return [];
  const isKeyless = (node: BinaryNode) =>
    node.tag === "user" && Array.isArray(node.content) && node.content.some(({ tag }) => tag === "error");
  const keyless = list.content.filter(isKeyless);
  if (keyless.length > 0) list.content = list.content.filter((node) => !isKeyless(node));
  return keyless.flatMap(({ attrs }) => attrs.jid ?? []);
}

/**
 * Has nobody write to these devices until Baileys asks for their owners' devices anew. A message for which no other is left
 * is not written; the next attempt is written for the others.
 *
 * @param devices as Baileys caches them, by the user's part of a JID
 */
export async function forgetDevices(
  jids: readonly string[],
  { devices, identities }: { devices: CacheStore; identities: Aliases },
): Promise<void> {
  for (const jid of jids) {
    const { user, device = 0 } = jidDecode(jid) ?? {};
    const alias = jidDecode(await identities.aliasOf(jid) ?? undefined)?.user;
    for (const name of [user, alias]) {
      const known = name === undefined ? undefined : await devices.get<JidWithDevice[]>(name);
      if (known === undefined) continue;
      await devices.set(name!, known.filter((one) => (one.device ?? 0) !== device));
    }
  }
}
