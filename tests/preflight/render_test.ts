import { strict as assert } from "node:assert";
import { failure, ok, warning } from "../../src/preflight/check.ts";
import { renderProgress } from "../../src/preflight/progress.ts";
import { renderReport } from "../../src/preflight/render.ts";
import type { CheckResult, Report } from "../../src/preflight/report.ts";

function result(id: string, more: Partial<CheckResult>): CheckResult {
  return { id, title: `The ${id}`, status: "ok", why: `${id} matters`, findings: [], durationMs: 1, ...more };
}

const REPORT: Report = {
  program: "whatsapp-worker",
  version: "1.2.3",
  envFile: "./.env",
  status: "failure",
  exitCode: 69,
  durationMs: 1234,
  checks: [
    result("disk", { findings: [ok("roomy")] }),
    result("queue", {
      status: "warning",
      findings: [
        ok("there", {}, "a"),
        warning({ code: "absent", subject: "b", found: "absent", remedy: "Make it" }),
        warning({ code: "absent", subject: "c", found: "absent", remedy: "Make it" }),
      ],
    }),
    result("login", {
      status: "failure",
      findings: [failure({ code: "no", found: "Not let in", excerpt: "the line", remedy: "Knock" })],
    }),
    result("x", { status: "skipped", skippedFor: ["login"] }),
    result("y", { status: "skipped", skippedFor: ["login"] }),
  ],
};

Deno.test("renderReport() has a column for the status, the check and the finding", () => {
  assert.equal(
    renderReport(REPORT, { colour: false }),
    `whatsapp-worker 1.2.3: check with ./.env

ok       The disk             roomy
ok       The queue            a: there
warning                       b: absent
warning                       c: absent
                              → Make it
                              (queue matters)
failure  The login            Not let in
                                  the line
                              → Knock
                              (login matters)
skipped  needs 'The login':   The x, The y

1 failure, 2 warnings, 2 of 5 checks skipped (1.2 s, exit 69)`,
  );
});

Deno.test("renderReport() says so when all is well", () => {
  const fine: Report = {
    ...REPORT,
    status: "ok",
    exitCode: 0,
    checks: [result("disk", { findings: [ok("roomy")] })],
  };
  assert.match(renderReport(fine, { colour: false }), /\nAll 1 checks are fine \(1\.2 s, exit 0\)$/);
});

Deno.test("renderReport() colours the status only when asked to", () => {
  assert.ok(!renderReport(REPORT, { colour: false }).includes("\x1b"));
  assert.ok(renderReport(REPORT, { colour: true }).includes("\x1b[31mfailure  \x1b[0mThe login"));
});

Deno.test("renderProgress() keeps to one line of a narrow terminal and takes it away", () => {
  let written = "";
  const { show, end } = renderProgress({
    writeSync: (bytes) => (written += new TextDecoder().decode(bytes), bytes.length),
  });
  show({ ended: 1, total: 12, running: Array(20).fill("Broker network") });
  assert.ok(written.startsWith("\r\x1b[2K1 of 12 checks done; waiting for: Broker network, "), written);
  assert.ok(!written.includes("\n"));
  assert.ok(written.length < 85, "no wrap at 80 columns");
  end();
  assert.ok(written.endsWith("\r\x1b[2K"));
});
