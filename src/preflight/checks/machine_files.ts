import { EXIT } from "../../exit_codes.ts";
import { type Check, type Finding, ok, warning } from "../check.ts";
import { type Limits, limitsOf } from "../limits.ts";
import { UNIT_NAME } from "../service.ts";
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
  run: (probe) => {
    const limits = limitsOf(probe.valueOf(serviceUnit), probe.valueOf(serviceState));
    return Promise.resolve({ findings: [judge(limits)] });
  },
};

function judge({ files, source }: Limits): Finding {
  // What it may not look up it can try.
  const limit = files ?? openableFiles();
  const facts = { limit, source: files === undefined ? "trying it out" : source };
  const most = limit === FEW_FILES && files === undefined ? `${limit} at least` : String(limit);
  if (limit >= FEW_FILES) return ok(`${most}, by ${facts.source}`, facts);
  return warning({
    code: "few_files",
    found: `Only ${limit} files and sockets can be open at once (by ${facts.source})`,
    remedy: `In the unit (systemctl edit ${UNIT_NAME}): LimitNOFILE=65536. Without systemd: ulimit -n 65536`,
    facts,
  });
}

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
