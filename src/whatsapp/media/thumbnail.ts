/** The most a thumbnail may have: it travels with every message, and every event of one. */
const LARGEST_BYTES = 64 * 1024;

/** Whether bytes are a JPEG picture small enough to travel within a message. */
export function isThumbnail(bytes: Uint8Array): boolean {
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
  return isJpeg && bytes.length <= LARGEST_BYTES;
}
