import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { EXIT } from "../../exit_codes.ts";
import { LEFT_FREE_BYTES } from "../../store/media_files.ts";
import { type Check, failure, type Finding, ok, warning } from "../check.ts";
import { configuration } from "./configuration.ts";
import { stateFolder } from "./state_folder.ts";

const MIB = 1024 * 1024;
/** Below the first the worker may not get through a day without its broker, below the second not through a start. */
const LITTLE_BYTES = 512 * MIB;
const TOO_LITTLE_BYTES = 16 * MIB;
const TOO_FEW_INODES = 100;

/** Room for the state. */
export const stateDisk: Check = {
  id: "state.disk",
  title: "State disk",
  why: "On a full disk no message is taken any more, as none could be remembered",
  exitCode: EXIT.CANTCREAT,
  after: [configuration, stateFolder],
  async run(probe) {
    const { path, nearest } = probe.valueOf(stateFolder);
    let free: { bytes: number; inodes: number };
    try {
      const { bavail, bsize, ffree, files } = await statfs(nearest);
      // Some file systems have no fixed number of inodes and say 0 of 0.
      free = { bytes: bavail * bsize, inodes: files === 0 ? Infinity : ffree };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      return { findings: [ok("not asked, as the program may not (--allow-sys=statfs)", { asked: false })] };
    }
    const media = { mostBytes: probe.valueOf(configuration).MEDIA_KEEP_SIZE, bytes: await mediaBytes(path) };
    return { findings: [judge(path, free), ...judgeMedia(path, free.bytes, media)] };
  },
};

/** How much the media received take. */
async function mediaBytes(sessionDir: string): Promise<number> {
  const folder = join(sessionDir, "media", "received");
  let bytes = 0;
  try {
    for await (const { name } of Deno.readDir(folder)) bytes += (await Deno.stat(join(folder, name))).size;
  } catch (error) {
    // None yet, or the running worker takes them away, too; whether it may be looked into is asked elsewhere.
    const isAbsent = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied;
    if (!isAbsent) throw error;
  }
  return bytes;
}

/** Whether there is room for all the media that may be kept. */
function judgeMedia(
  path: string,
  freeBytes: number,
  { mostBytes, bytes }: { mostBytes: number; bytes: number },
): Finding[] {
  const moreBytes = Math.max(0, mostBytes - bytes);
  if (moreBytes === 0 || freeBytes - LEFT_FREE_BYTES >= moreBytes) return [];
  const inMib = (bytes: number) => `${Math.floor(bytes / MIB)} MiB`;
  return [warning({
    code: "media_room",
    found:
      `Media received may take ${inMib(moreBytes)} more (MEDIA_KEEP_SIZE), and only ${
        inMib(freeBytes)
      } are free: ` +
      `with ${inMib(LEFT_FREE_BYTES)} left they wait for room, while messages go on`,
    remedy: `Set MEDIA_KEEP_SIZE or MEDIA_KEEP lower, or make room on the disk of ${path}`,
    facts: { mediaBytes: bytes, mostMediaBytes: mostBytes, freeBytes },
  })];
}

function judge(path: string, { bytes, inodes }: { bytes: number; inodes: number }) {
  const facts = { asked: true, freeBytes: bytes, freeInodes: inodes };
  const room = `${Math.floor(bytes / MIB)} MiB free`;
  const remedy = `Make room on its disk, or set SESSION_DIR to a folder on another one; see: df -h '${path}'`;
  if (bytes < TOO_LITTLE_BYTES) return failure({ code: "disk_full", found: `Only ${room}`, remedy, facts });
  if (inodes < TOO_FEW_INODES) {
    const found = `Only ${inodes} more files can be made on its disk`;
    return failure({ code: "inodes_full", found, remedy: remedy.replace("df -h", "df -i"), facts });
  }
  if (bytes < LITTLE_BYTES) return warning({ code: "disk_low", found: `Only ${room}`, remedy, facts });
  return ok(room, facts);
}
