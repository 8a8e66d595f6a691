import type { StoredMedia } from "../store/media.ts";
import type { Store } from "../store/store.ts";
import { type Folder, textAnswer } from "./http.ts";

/** How long a client that came too early does well to wait. */
const RETRY_AFTER_S = 5;
/** Characters of a name that some file system does not take, or that mean something to a shell or a header. */
const UNSAFE = /[\p{C}\\/:*?"<>|]+/gu;
const MIME_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;
/** What a browser would run on behalf of this server. */
const ACTIVE =
  /\/(?:html|xml|xsl|(?:java|ecma|live|j)script[\d.]*|x-(?:java|ecma)script)$|\+xml$|^multipart\//i;

/**
 * The media received, under `/media/ID`.
 *
 * | answer | |
 * |---|---|
 * | 200 | the medium, to be saved and not to be shown: its sender chose what is in it |
 * | 404 | there is none, or none any more |
 * | 409 | it is still being fetched; `Retry-After` |
 * | 410 | there was one, and it could not be had, or was removed; the text says why |
 */
export function mediaFolder({ media }: Pick<Store, "media">): Folder {
  return async (id) => {
    const found = await media.find(id);
    if (found === undefined) return textAnswer(404, "There is no such medium, or it is not kept any more");
    if (found.status === "PENDING") {
      return {
        ...textAnswer(409, "The medium is still being fetched"),
        headers: { "Retry-After": RETRY_AFTER_S },
      };
    }
    if (found.status === "FAILED") return textAnswer(410, found.error ?? "The medium could not be had");
    const file = await media.files.open(id);
    if (file === undefined) {
      return textAnswer(410, "The medium was published itself, or is not kept any more");
    }
    return {
      status: 200,
      contentType: contentTypeOf(found),
      headers: headersOf(found),
      file,
      size: found.size,
    };
  };
}

function contentTypeOf({ mimeType }: StoredMedia): string {
  const type = mimeType.split(";")[0]!.trim();
  return MIME_TYPE.test(type) && !ACTIVE.test(type) ? type : "application/octet-stream";
}

function headersOf({ id, fileName = id }: StoredMedia): Record<string, string> {
  const name = encodeURIComponent(fileName.slice(-200).toWellFormed().replace(UNSAFE, "_"));
  return {
    "Content-Disposition": `attachment; filename*=UTF-8''${name.replace(/['()*]/g, "_")}`,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
  };
}
