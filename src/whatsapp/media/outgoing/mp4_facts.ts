import { Buffer } from "node:buffer";

/** Width and height in pixels. */
export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** Boxes that hold those that are read. */
const CONTAINERS: readonly string[] = ["moov", "trak"];
/** The largest of those that are read has 120 bytes. */
const LARGEST_READ = 1024;

/**
 * Reads from an MP4 file (ISO 14496-12) how long it plays and how large it is shown, while it passes: both are in headers of
 * its `moov` box, which may be first or last in it. What music-metadata tells is of the first sound track alone, and nothing
 * before the file has ended.
 */
export class Mp4Reader {
  /** How long it plays, once that was read. */
  seconds: number | undefined;
  /** How large its picture is shown, once that was read. */
  dimensions: Dimensions | undefined;
  #pending: Uint8Array = new Uint8Array();
  #toSkip = 0;

  /** Looks at the next piece. */
  take(piece: Uint8Array): void {
    if (this.#toSkip >= piece.length) {
      this.#toSkip -= piece.length;
      return;
    }
    const bytes = Buffer.concat([this.#pending, piece.subarray(this.#toSkip)]);
    this.#toSkip = 0;
    let at = 0;
    while (at < bytes.length) {
      const read = this.#read(bytes.subarray(at));
      if (read === 0) break;
      at += read;
    }
    this.#toSkip = Math.max(0, at - bytes.length);
    this.#pending = at < bytes.length ? Uint8Array.from(bytes.subarray(at)) : new Uint8Array();
  }

  /** @returns where the next box begins, perhaps far beyond these bytes; 0 when they are too few to tell */
  #read(bytes: Buffer): number {
    if (bytes.length < 8) return 0;
    let size = bytes.readUInt32BE(0);
    const type = bytes.toString("latin1", 4, 8);
    let head = 8;
    if (size === 1) {
      if (bytes.length < 16) return 0;
      size = Number(bytes.readBigUInt64BE(8));
      head = 16;
    }
    // It goes on to the end of the file, or it is none.
    if (size < head) return Infinity;
    if (CONTAINERS.includes(type)) return head;
    if ((type === "mvhd" || type === "tkhd") && size >= head + 84 && size <= LARGEST_READ) {
      if (bytes.length < size) return 0;
      if (type === "mvhd") this.#readMovie(bytes.subarray(head, size));
      else this.#readTrack(bytes.subarray(head, size));
    }
    return size;
  }

  #readMovie(content: Buffer): void {
    const isLong = content.readUInt8(0) === 1;
    const timescale = content.readUInt32BE(isLong ? 20 : 12);
    const duration = isLong ? Number(content.readBigUInt64BE(24)) : content.readUInt32BE(16);
    const isKnown = duration > 0 && duration < (isLong ? 2 ** 63 : 0xffff_ffff);
    if (timescale > 0 && isKnown) this.seconds = duration / timescale;
  }

  #readTrack(content: Buffer): void {
    // Numbers with 16 bits behind the point; a sound has none.
    const [width, height] = [
      content.readUInt32BE(content.length - 8),
      content.readUInt32BE(content.length - 4),
    ]
      .map((value) => Math.round(value / 0x10000)) as [number, number];
    if (this.dimensions !== undefined || width === 0 || height === 0) return;
    // The first two numbers of the matrix that it is shown through: a quarter turn has nothing in the first.
    const isTurned = content.readInt32BE(content.length - 44) === 0 &&
      content.readInt32BE(content.length - 40) !== 0;
    this.dimensions = isTurned ? { width: height, height: width } : { width, height };
  }
}
