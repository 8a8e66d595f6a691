import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";

/** What a text shows of the page behind its link. */
export interface LinkPreview {
  /** The link, as it stands in the text. */
  readonly url: string;
  readonly title: string;
  readonly description?: string | undefined;
}

/** The first http or https link in a text, without the punctuation of its sentence. */
export function firstLink(text: string): string | undefined {
  const link = /\bhttps?:\/\/[^\s<>"]+/i.exec(text)?.[0].replace(/[.,;:!?'*_~)\]}]+$/, "");
  return link !== undefined && URL.canParse(link) ? link : undefined;
}

/** What the backend wants to be shown, if there is a link that it can be shown of. */
export function givenPreview({ content, linkPreview }: Message<"TEXT">): LinkPreview | undefined {
  if (typeof linkPreview !== "object") return undefined;
  const url = linkPreview.url ?? firstLink(content);
  return url === undefined ? undefined : { ...linkPreview, url };
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
