import { strict as assert } from "node:assert";
import { captureConsole, makeLog } from "../src/log.ts";

/** A log into memory, and what was written to it. */
function memoryLog(level: string, pretty = false, journal = false) {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  return { log: makeLog({ level, pretty, workerId: "worker-1", journal, destination }), written };
}

const PHONES = {
  sessionId: "session_6_+221771234567",
  jid: "221771234567:3@s.whatsapp.net",
  from: "221779999999@c.us",
  err: new Error("Cannot reach +221778888888"),
};
const DIGITS = /22177\d{7}/;

Deno.test("makeLog() masks phone numbers at info and above, whoever wrote them", () => {
  for (const level of ["info", "warn", "error", "fatal"]) {
    const { log, written } = memoryLog(level);
    log.child(PHONES).fatal({ at: 1733396400000 }, "sent to 221771234567@s.whatsapp.net");
    assert.equal(written.length, 1);
    assert.doesNotMatch(written[0]!, DIGITS);
    const line = JSON.parse(written[0]!);
    assert.equal(line.sessionId, "session_6_+221*******67");
    assert.equal(line.from, "221*******99@c.us");
    assert.equal(line.at, 1733396400000, "a time is no phone number");
    assert.equal(line.workerId, "worker-1");
  }
});

Deno.test("makeLog() masks the phone number in a folder's name, however an older worker wrote it", () => {
  for (const phone of ["+221771234567", "221771234567", "+221 77 123 45 67", "221 77 123 45 67"]) {
    const { log, written } = memoryLog("info");
    log.info({ folder: `session_7212345678901234567_${phone}` }, "a folder");
    const [, masked] = /^session_7212345678901234567_\+?(.+)$/.exec(JSON.parse(written[0]!).folder) ?? [];
    assert.equal(masked, "221*******67", phone);
  }
});

Deno.test("makeLog() masks in the readable form too", () => {
  const { log, written } = memoryLog("info", true);
  log.info(PHONES, "connected");
  assert.match(written.join(""), /connected/);
  assert.doesNotMatch(written.join(""), DIGITS);
});

Deno.test("makeLog() gives the journal a priority on each line, and leaves the time to it", () => {
  const { log, written } = memoryLog("trace", true, true);
  log.info({ numberId: 6 }, "connected");
  assert.equal(written.pop(), '<6>INFO: connected {"workerId":"worker-1","numberId":6}\n');
  log.error({ err: new Error("no") }, "failed");
  const lines = written.pop()!.trimEnd().split("\n");
  assert.ok(lines.length > 1 && lines.every((line) => line.startsWith("<3>")), lines.join("\n"));
  for (const [level, priority] of [["trace", 7], ["debug", 7], ["warn", 4], ["fatal", 2]] as const) {
    log[level]("so");
    assert.ok(written.pop()!.startsWith(`<${priority}>${level.toUpperCase()}: so`), level);
  }
  const json = memoryLog("info", false, true);
  json.log.warn("so");
  const [, priority, line = ""] = /^<(\d)>(.*)\n$/.exec(json.written[0]!) ?? [];
  assert.deepEqual([priority, JSON.parse(line).msg], ["4", "so"]);
});

Deno.test("makeLog() shows phone numbers below info, for a person who looks for a fault", () => {
  for (const level of ["debug", "trace"]) {
    const { log, written } = memoryLog(level);
    log.info(PHONES, "connected");
    assert.match(written[0]!, DIGITS);
  }
});

Deno.test("makeLog() takes up another level at once, with the children it has and what is masked", () => {
  const { log, written } = memoryLog("info");
  const child = log.child({ numberId: 6 });
  const grandchild = child.child({ part: "socket" });
  grandchild.debug(PHONES, "not shown");
  log.level = "debug";
  for (const logger of [log, child, grandchild]) logger.debug(PHONES, "shown");
  assert.equal(written.length, 3);
  assert.ok(written.every((line) => DIGITS.test(line)), "below info numbers are shown");
  log.level = "warn";
  for (const logger of [log, child, grandchild]) logger.info(PHONES, "not shown");
  assert.equal(written.length, 3);
  grandchild.warn(PHONES, "shown");
  assert.doesNotMatch(written.at(-1)!, DIGITS);
});

Deno.test("captureConsole() passes on sentences and never what is behind them", () => {
  const { log, written } = memoryLog("trace");
  const original = { ...console };
  try {
    captureConsole(log);
    console.log("Closing session:", { privKey: "c2VjcmV0" });
    console.info({ privKey: "c2VjcmV0" });
    console.error(new Error("c2VjcmV0"));
  } finally {
    Object.assign(console, original);
  }
  const lines = written.map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ msg }) => msg), ["Closing session:", "an object", "an object"]);
  assert(lines.every(({ level }) => level === 20));
  assert.doesNotMatch(written.join(""), /c2VjcmV0/);
});
