import { EXIT } from "../../exit_codes.ts";
import { type Check, ok, warning } from "../check.ts";
import { limitsOf } from "../limits.ts";
import { serviceState } from "./service_state.ts";
import { serviceUnit } from "./service_unit.ts";

/** Every number takes a socket, and SQLite, broker and HTTP some more. */
const FEW_FILES = 1024;

/** How many files and sockets the worker may have open at once. */
export const machineFiles: Check = {
  id: "machine.files",
  title: "Open files limit",
  why: "A worker that may open no more files cannot connect its numbers, nor write down what arrives",
  exitCode: EXIT.UNAVAILABLE,
  after: [serviceUnit, serviceState],
  async run(probe) {
    const { files, source } = await limitsOf(probe.valueOf(serviceUnit), probe.valueOf(serviceState));
    // What it may not look up it can try.
    const limit = files ?? await openableFiles();
    const facts = { limit, source: files === undefined ? "trying it out" : source };
    const most = limit === FEW_FILES && files === undefined ? `${limit} at least` : String(limit);
    if (limit >= FEW_FILES) return { findings: [ok(`${most}, by ${facts.source}`, facts)] };
    return {
      findings: [warning({
        code: "few_files",
        found: `Only ${limit} files and sockets can be open at once (by ${facts.source})`,
        remedy:
          "In the unit (systemctl edit worker.service): LimitNOFILE=65536. Without systemd: ulimit -n 65536",
        facts,
      })],
    };
  },
};

/** Opens files until there are enough or no more may be, all in one go: nothing else gets in between. */
function openableFiles(): number {
  const open: Deno.FsFile[] = [];
  try {
    while (open.length < FEW_FILES) open.push(Deno.openSync("/etc/passwd"));
  } catch (error) {
    if (!/too many open files|EMFILE/i.test(String(error))) throw error;
  } finally {
    open.forEach((file) => file.close());
  }
  return open.length;
}
