/**
 * SQLite takes the first bad frame of a write-ahead log for its end, which after a crash it mostly is, and forgets what
 * follows without a word. Here a log that ends is told from one that is damaged. Format: https://sqlite.org/fileformat2.html#walformat
 */
import { endianness } from "node:os";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const INDEX_HEADER_BYTES = 48;
const MAGIC = 0x377f0682;

interface Log {
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly frameBytes: number;
  readonly frames: number;
}

type Checksum = readonly [number, number];

/**
 * What is wrong with a log, or nothing. Of the transaction that was being written when the machine died any part may
 * be missing; what comes before another one was on the disk.
 *
 * @param index the `-shm` file beside it, empty when there is none: it knows how many frames were durable
 */
export function walFault(wal: Uint8Array, index: Uint8Array): string | undefined {
  // The file may have grown before its bytes arrived.
  if (wal.length <= HEADER_BYTES || wal.every((byte) => byte === 0)) return undefined;
  const log = readHeader(wal);
  if (log === undefined) return "the head of its log is damaged";
  const sound = soundFrames(log);
  if (sound < durableFrames(log, index) || isFollowedByMore(log, sound)) {
    return `frame ${sound + 1} of its log is damaged`;
  }
  return undefined;
}

function readHeader(wal: Uint8Array): Log | undefined {
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  const magic = view.getUint32(0);
  const pageBytes = view.getUint32(8);
  const littleEndian = magic === MAGIC;
  if (!littleEndian && magic !== MAGIC + 1) return undefined;
  if (!equal(checksum(view, 0, 24, littleEndian, [0, 0]), storedAt(view, 24))) return undefined;
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  return { view, littleEndian, frameBytes, frames: Math.floor((wal.length - HEADER_BYTES) / frameBytes) };
}

/** How many frames from the first on are as they were written. */
function soundFrames(log: Log): number {
  let sound = 0;
  while (sound < log.frames && isSound(log, sound)) sound++;
  return sound;
}

/** Whether a whole transaction or its end lies behind a bad frame, and more after it: that one had been made durable. */
function isFollowedByMore(log: Log, bad: number): boolean {
  let ended = false;
  for (let frame = bad; frame < log.frames; frame++) {
    if (ended && isSound(log, frame)) return true;
    ended ||= isOfThisLog(log, frame) && log.view.getUint32(offsetOf(log, frame) + 4) !== 0;
  }
  return false;
}

/** Each frame's checksum goes on from that of the frame before it, as it is written there. */
function isSound(log: Log, frame: number): boolean {
  const { view, littleEndian, frameBytes } = log;
  const offset = offsetOf(log, frame);
  const before = storedAt(view, frame === 0 ? 24 : offsetOf(log, frame - 1) + 16);
  const head = checksum(view, offset, 8, littleEndian, before);
  const whole = checksum(
    view,
    offset + FRAME_HEADER_BYTES,
    frameBytes - FRAME_HEADER_BYTES,
    littleEndian,
    head,
  );
  return isOfThisLog(log, frame) && equal(whole, storedAt(view, offset + 16));
}

/** A log that starts over is given a new salt; what is left behind its end is of an older one. */
function isOfThisLog(log: Log, frame: number): boolean {
  return equal(storedAt(log.view, offsetOf(log, frame) + 8), storedAt(log.view, 16));
}

/** How many frames the index says were durable; it is written only after them. 0 when it is that of another log. */
function durableFrames(log: Log, index: Uint8Array): number {
  if (index.length < 2 * INDEX_HEADER_BYTES) return 0;
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const littleEndian = endianness() === "LE";
  const copiesDiffer = index.subarray(0, INDEX_HEADER_BYTES)
    .some((byte, at) => byte !== index[INDEX_HEADER_BYTES + at]);
  const stored = [view.getUint32(40, littleEndian), view.getUint32(44, littleEndian)] as const;
  const whole = checksum(view, 0, 40, littleEndian, [0, 0]);
  if (copiesDiffer || !equal(whole, stored) || !equal(storedAt(view, 32), storedAt(log.view, 16))) return 0;
  return view.getUint32(16, littleEndian);
}

function offsetOf({ frameBytes }: Log, frame: number): number {
  return HEADER_BYTES + frame * frameBytes;
}

function storedAt(view: DataView, offset: number): Checksum {
  return [view.getUint32(offset), view.getUint32(offset + 4)];
}

function equal(a: Checksum, b: Checksum): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function checksum(
  view: DataView,
  offset: number,
  bytes: number,
  littleEndian: boolean,
  start: Checksum,
): Checksum {
  let [first, second] = start;
  for (let at = offset; at < offset + bytes; at += 8) {
    first = (first + view.getUint32(at, littleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, littleEndian) + first) >>> 0;
  }
  return [first, second];
}
