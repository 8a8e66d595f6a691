/** Small readers and writers for WhatsApp's binary XML, beside those Baileys exports. */
import { Buffer } from "node:buffer";
import { getBinaryNodeChild, S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";

/** A node; `attrs` may be left away. */
export function element(
  tag: string,
  attrs: Record<string, string> = {},
  content?: BinaryNode["content"],
): BinaryNode {
  return content === undefined ? { tag, attrs } : { tag, attrs, content };
}

/** The bytes of a child element, or an error that names it: strict where the protocol is. */
export function childBytes(node: BinaryNode | undefined, tag: string, length?: number): Buffer {
  const content = getBinaryNodeChild(node, tag)?.content;
  if (!(content instanceof Uint8Array)) throw new Error(`<${node?.tag}> has no bytes in <${tag}>`);
  if (length !== undefined && content.length !== length) {
    throw new Error(`<${tag}> in <${node?.tag}> has ${content.length} bytes instead of ${length}`);
  }
  return Buffer.from(content);
}

/** A child's bytes as a big-endian unsigned integer. */
export function childUint(node: BinaryNode | undefined, tag: string, length: number): number {
  return childBytes(node, tag, length).readUIntBE(0, length);
}

/** A node's content as text, whether it travelled as string, token or bytes. */
export function textOf(node: BinaryNode | undefined): string {
  const content = node?.content;
  if (typeof content === "string") return content;
  return content instanceof Uint8Array ? Buffer.from(content).toString() : "";
}

/** `<iq type="result">` answering `request`. */
export function iqResult(request: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return element("iq", { from: S_WHATSAPP_NET, type: "result", id: request.attrs.id ?? "" }, content);
}

/** What the server refuses a query with. */
export interface Refused {
  readonly refused: number;
  readonly text: string;
}

/** `<iq type="error">` answering `request`. */
export function iqError(request: BinaryNode, code: number, text: string): BinaryNode {
  const attrs = { from: S_WHATSAPP_NET, type: "error", id: request.attrs.id ?? "" };
  return element("iq", attrs, [element("error", { code: String(code), text })]);
}
