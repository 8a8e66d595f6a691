import { Buffer } from "node:buffer";
import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import { MediaFailure } from "../../media/outgoing/failure.ts";
import { isThumbnail } from "../../media/thumbnail.ts";
import { isOpus, isPlayed, type MediaKind } from "../../media/outgoing/media_type.ts";
import type { SentMedium } from "../../media/outgoing/outgoing_media.ts";
import type { ComposeContext, Composition } from "../composition.ts";
import { Unsendable } from "../failures.ts";
import { inContext } from "../context_info.ts";

type MediaCommand = Message<MediaKind>;

/** A picture, video, sound, document or sticker: brought to WhatsApp's media hosts, and where it is there. */
export async function mediaMessage(command: MediaCommand, context: ComposeContext): Promise<Composition> {
  try {
    const jpegThumbnail = thumbnailOf(command);
    const said = await inContext(command, captionOf(command) ?? "", context);
    const medium = await context.media.send({
      kind: command.type,
      mediaUrl: command.mediaUrl,
      ...(command.mediaBase64 === undefined ? {} : { mediaBase64: command.mediaBase64 }),
      ...(command.mimeType === undefined ? {} : { mimeType: command.mimeType }),
      fileName: command.type === "DOCUMENT" ? command.fileName ?? command.content ?? undefined : undefined,
    }, {
      connection: (force) => context.socket.mediaHosts.ask(force),
      signal: context.signal,
    });
    const about = {
      ...whereIs(medium),
      ...(said.contextInfo === null ? {} : { contextInfo: said.contextInfo }),
      ...(jpegThumbnail === undefined ? {} : { jpegThumbnail }),
    };
    const caption = said.text === "" ? {} : { caption: said.text };
    return {
      message: proto.Message.create(shown(command, medium, { ...about, ...caption }, context.now())),
      remarks: remarksOn(command, medium),
    };
  } catch (error) {
    if (!(error instanceof MediaFailure)) throw error;
    const { code, message, retryable, cause } = error;
    if (cause !== undefined) context.log.debug({ code, err: cause }, "a medium could not be sent");
    throw new Unsendable({ code, error: message, retryable });
  }
}

/** What its recipient reads beside it. Of a document without a name, content is the name. */
function captionOf(command: MediaCommand): string | null {
  switch (command.type) {
    case "IMAGE":
    case "VIDEO":
      return command.content;
    case "DOCUMENT":
      return command.fileName === undefined ? null : command.content;
    default:
      return null;
  }
}

function thumbnailOf(command: MediaCommand): Uint8Array | undefined {
  if (!("thumbnail" in command) || command.thumbnail === undefined) return undefined;
  const bytes = Buffer.from(command.thumbnail, "base64");
  if (isThumbnail(bytes)) return bytes;
  throw new MediaFailure(
    "media_invalid",
    "Cannot send the medium as its thumbnail is no JPEG picture of at most 64 KiB",
  );
}

/** Where a medium is, and how it is opened: the same for every kind. */
function whereIs(medium: SentMedium) {
  const { url, directPath, mediaKey, fileSha256, fileEncSha256, fileLength, mimeType: mimetype } = medium;
  return { url, directPath, mediaKey, fileSha256, fileEncSha256, fileLength, mimetype };
}

function shown(
  command: MediaCommand,
  medium: SentMedium,
  about: ReturnType<typeof whereIs>,
  nowMs: number,
): proto.IMessage {
  const { dimensions, isAnimated } = medium;
  const seconds = medium.seconds === undefined ? {} : { seconds: Math.round(medium.seconds) };
  const common = { ...about, mediaKeyTimestamp: Math.floor(nowMs / 1000) };
  switch (command.type) {
    case "IMAGE":
      return { imageMessage: { ...common, ...dimensions } };
    case "VIDEO":
      return {
        videoMessage: { ...common, ...dimensions, ...seconds, ...(command.gif ? { gifPlayback: true } : {}) },
      };
    case "AUDIO":
      return { audioMessage: { ...common, ...seconds, ptt: command.ptt ?? false } };
    case "STICKER":
      return { stickerMessage: { ...common, ...dimensions, isAnimated, stickerSentTs: nowMs } };
    case "DOCUMENT": {
      const fileName = fileNameFrom(command.fileName ?? command.content ?? medium.fileName ?? "file");
      return { documentMessage: { ...common, fileName, title: fileName } };
    }
  }
}

/** A text as the name of a file: without what would end a line or lead to another folder. */
function fileNameFrom(text: string): string {
  return text.trim().replace(/[/\\\p{C}\p{Zl}\p{Zp}]+/gu, "_").slice(0, 255);
}

/** What the backend should know of a medium that goes out: what it is, and what may be amiss with it. */
function remarksOn(command: MediaCommand, medium: SentMedium): Record<string, unknown> {
  const { mimeType, differsFrom, fileLength, fileSha256 } = medium;
  const isSpoken = command.type === "AUDIO" && command.ptt === true;
  const warnings = [
    ...(differsFrom === undefined ? [] : ["media_type_differs"]),
    ...(isSpoken && !isOpus(mimeType) ? ["voice_note_not_opus"] : []),
    ...((command.type === "AUDIO" || command.type === "VIDEO") && !isPlayed(mimeType)
      ? ["media_may_not_play"]
      : []),
    ...((command.type === "AUDIO" || command.type === "STICKER") && command.content !== null
      ? ["content_not_shown"]
      : []),
  ];
  return {
    media: {
      mimeType,
      ...(differsFrom === undefined ? {} : { declaredMimeType: differsFrom }),
      size: fileLength,
      sha256: Buffer.from(fileSha256).toString("hex"),
    },
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}
