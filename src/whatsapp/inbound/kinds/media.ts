import type { MediaType, proto } from "@whiskeysockets/baileys";
import { type Content, firstText, type MediaMessage } from "./content.ts";

type Captioned = MediaMessage & {
  caption?: string | null;
  contextInfo?: proto.IContextInfo | null;
  viewOnce?: boolean | null;
};

function medium(
  type: string,
  mediaType: MediaType,
  message: Captioned,
  flags: Readonly<Record<string, boolean | null | undefined>> = {},
): Content {
  const fields = Object.entries({ viewOnce: message.viewOnce, ...flags }).filter(([, value]) => value);
  return {
    type,
    body: message.caption ?? "",
    contextInfo: message.contextInfo,
    media: { type: mediaType, message },
    ...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
  };
}

/** A picture. */
export const image = (message: proto.Message.IImageMessage) => medium("IMAGE", "image", message);

/** A film; `gif`: to be played like one, over and over and without sound. */
export const video = (message: proto.Message.IVideoMessage) =>
  medium("VIDEO", "video", message, { gif: message.gifPlayback });

/** A film that was recorded round, as a note. */
export const videoNote = (message: proto.Message.IVideoMessage) =>
  medium("VIDEO", "video", message, { ptv: true });

/** Sound; `ptt`: recorded as a voice note. */
export const audio = (message: proto.Message.IAudioMessage) =>
  medium("AUDIO", "audio", message, { ptt: message.ptt });

/** A sticker. */
export const sticker = (message: proto.Message.IStickerMessage) =>
  medium("STICKER", "sticker", message, { animated: message.isAnimated });

/** A file; its name stands in for a caption. */
export function document(message: proto.Message.IDocumentMessage): Content {
  return {
    ...medium("DOCUMENT", "document", message),
    body: firstText(message.caption, message.fileName, message.title),
  };
}
