/** Turns a folder that this version of Baileys wrote into one as 6.6 wrote them; see `golden_6_6.json`. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { BufferJSON } from "@whiskeysockets/baileys";

/**
 * @param lids of contacts who write under their LID, as digits: 6.6 took those for phone numbers; all others were known to
 * it by their number
 */
export async function toOlderShape(folder: string, lids: readonly string[]): Promise<void> {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const numbers = new Map<string, string>();
  for (const file of files) {
    const [, lid] = /^lid-mapping-(\d+)_reverse\.json$/.exec(file) ?? [];
    if (lid !== undefined) numbers.set(lid, JSON.parse(await Deno.readTextFile(join(folder, file))));
  }
  const userOf = (lid: string) => lids.includes(lid) ? lid : numbers.get(lid) ?? lid;
  for (const file of files) {
    const path = join(folder, file);
    if (/^(?:lid-mapping|device-list|identity-key|tctoken)-/.test(file)) {
      await Deno.remove(path);
      continue;
    }
    const value = JSON.parse(await Deno.readTextFile(path), BufferJSON.reviver);
    const older = file.replace(/(\d+)_1(?=\.|--)/, (_, lid) => userOf(lid));
    await Deno.remove(path);
    await Deno.writeTextFile(
      join(folder, older),
      JSON.stringify(olderValue(file, value), BufferJSON.replacer),
    );
  }
}

function olderValue(file: string, value: unknown): unknown {
  if (file === "creds.json") return olderCreds(value as Record<string, unknown>);
  return /^sender-key-(?!memory)/.test(file) ? olderSenderKey(value as Buffer) : value;
}

function olderCreds(creds: Record<string, unknown>): Record<string, unknown> {
  const { lastPropHash: _hash, routingInfo: _routing, additionalData: _data, me, ...rest } = creds;
  const { lid: _lid, ...older } = me as Record<string, unknown>;
  return {
    ...rest,
    me: older,
    deviceId: "aCGFcz1nR0ebaVnVKo2IVw",
    phoneId: "713722d0-9a21-444d-ad0e-9d929d4a8c91",
    identityId: Buffer.alloc(20, 1),
    backupToken: Buffer.alloc(20, 2),
    registration: {},
  };
}

function olderSenderKey(record: Buffer): unknown {
  const states = JSON.parse(record.toString(), BufferJSON.reviver);
  // Within the record they are lists of numbers, which the reviver leaves alone.
  const base64 = (bytes: Buffer) => Buffer.from(bytes).toString("base64");
  return states.map(({ senderChainKey, senderSigningKey, senderMessageKeys, ...state }: SenderKeyState) => ({
    ...state,
    senderChainKey: { ...senderChainKey, seed: base64(senderChainKey.seed) },
    senderSigningKey: {
      public: base64(senderSigningKey.public),
      ...(senderSigningKey.private && { private: base64(senderSigningKey.private) }),
    },
    senderMessageKeys: senderMessageKeys.map(() => ({})),
  }));
}

interface SenderKeyState {
  readonly senderChainKey: { readonly seed: Buffer };
  readonly senderSigningKey: { readonly public: Buffer; readonly private?: Buffer };
  readonly senderMessageKeys: readonly unknown[];
}
