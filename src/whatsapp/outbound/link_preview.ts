import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";
import { MediaFailure } from "../media/outgoing/failure.ts";
import type { ComposeContext } from "./composition.ts";
import { factsOfPage } from "./link_page.ts";

/** What a text shows of the page behind its link. */
export interface LinkPreview {
  /** The link, as it stands in the text. */
  readonly url: string;
  readonly title: string;
  readonly description?: string | undefined;
}

/** The first http or https link in a text, without the punctuation of its sentence. */
export function firstLink(text: string): string | undefined {
  const [found] = /\bhttps?:\/\/[^\s<>"]+/i.exec(text) ?? [];
  if (found === undefined) return undefined;
  // Not by a pattern: one that looks for the end tries every place in a long run of dots, and again from each.
  let end = found.length;
  while (end > 0 && ".,;:!?'*_~)]}".includes(found[end - 1]!)) end--;
  const link = found.slice(0, end);
  return URL.canParse(link) ? link : undefined;
}

/** Whether a preview was asked for. */
export function wantsPreview({ linkPreview }: Message<"TEXT">): boolean {
  return linkPreview !== undefined && linkPreview !== false;
}

/** What is to be shown of a text's link: as it is given, or what the page itself says; undefined when there is nothing. */
export async function previewOf(
  { content, linkPreview }: Message<"TEXT">,
  { guard, signal, log }: Pick<ComposeContext, "guard" | "signal" | "log">,
): Promise<LinkPreview | undefined> {
  const given = typeof linkPreview === "object" ? linkPreview : undefined;
  const url = given?.url ?? firstLink(content);
  if (url === undefined) return undefined;
  if (given !== undefined) return { ...given, url };
  try {
    const facts = await factsOfPage(url, { guard, signal });
    return facts && { ...facts, url };
  } catch (error) {
    if (!(error instanceof MediaFailure)) throw error;
    log.debug({ code: error.code, err: error.cause }, "the page that a message links to cannot be had");
    return undefined;
  }
}

/** The fields of a text that show a preview. */
export function previewFields(
  { url, title, description }: LinkPreview,
): proto.Message.IExtendedTextMessage {
  return {
    matchedText: url,
    title,
    ...(description === undefined ? {} : { description }),
    previewType: proto.Message.ExtendedTextMessage.PreviewType.NONE,
  };
}
