import { strict as assert } from "node:assert";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";

/** The file that the project began with. */
const CORRUPTED = `WORKER_ID=worker-1
WORKER_NAME="WhatsApp Worker 

                            host:8080/api:5672
LOG_LEVEL=infoL=http://localh
NODE_ENV=production
`;

Deno.test("checkAll() names every fault of the contract's corrupted file and looks at nothing else", async () => {
  await using installation = await Installation.make();
  await installation.write(CORRUPTED);
  const report = await installation.check();
  assert.equal(report.exitCode, 78);
  const { findings } = resultOf(report, "configuration");
  assert.match(findings[0]?.found ?? "", /overwritten in place around lines 2 to 5.*13 settings are gone/);
  assert.match(findings[0]?.remedy ?? "", /^Write it anew from \.env\.example/);
  assert.deepEqual(
    findings.slice(1, 4).map(({ code, subject }) => [code, subject?.replace(installation.folder, "")]),
    [
      ["unclosed_quote", "/.env:2:13"],
      ["not_an_assignment", "/.env:4:29"],
      ["holds_assignment", "/.env:5:15"],
    ],
  );
  assert.equal(findings[3]?.excerpt, "LOG_LEVEL=infoL=http://localh");
  assert.equal(findings.filter(({ code }) => code === "missing_key").length, 13);
  assert.ok(findings.every(({ status, remedy }) => status === "failure" && remedy), "each with a remedy");
  const needsNone = ({ id }: { id: string }) => id === "configuration" || /^(?:service|machine)\./.test(id);
  const others = report.checks.filter((check) => !needsNone(check));
  assert.ok(
    others.every(({ status, skippedFor }) => status === "skipped" && skippedFor?.[0] === "configuration"),
  );
});

Deno.test("checkAll() tells where every value comes from, and no secret", async () => {
  await using installation = await Installation.make({ RECEIVE_INCLUDE: "status,calls" });
  const report = await installation.check({ environment: { LOG_LEVEL: "debug" } });
  const settings = resultOf(report, "configuration").findings[0]?.facts?.settings as Record<string, unknown>;
  assert.deepEqual(settings.LOG_LEVEL, { value: "debug", source: "environment" });
  assert.deepEqual(settings.SEND_WAIT, { value: 3_600_000, source: "default" });
  assert.deepEqual(settings.RECEIVE_INCLUDE, { value: ["status", "calls"], source: "file" });
  assert.deepEqual(settings.WHATSAPP_ROOT_KEY, { value: null, source: "default" });
  assert.deepEqual(settings.RABBITMQ_URL, { value: "amqp://worker:***@127.0.0.1:1", source: "file" });
  assert.deepEqual(settings.BACKEND_API_KEY, { value: "***", source: "file" });
  assert.deepEqual(settings.HTTP_TOKEN, { value: null, source: "default" });
});

Deno.test("checkAll() tells which secret comes from a file of its own, and which file", async () => {
  await using installation = await Installation.make();
  const token = `${installation.folder}/token`;
  await Deno.writeTextFile(token, "the-token-of-the-scraper\n", { mode: 0o600 });
  const report = await installation.check({ environment: { HTTP_TOKEN_FILE: token } });
  const [finding] = resultOf(report, "configuration").findings;
  assert.equal(finding?.found.split(", ").at(-1), `HTTP_TOKEN from ${token}`);
  const settings = finding?.facts?.settings as Record<string, unknown>;
  assert.deepEqual(settings.HTTP_TOKEN, { value: "***", source: "secret file" });
  assert.deepEqual(settings.HTTP_TOKEN_FILE, { value: token, source: "environment" });
});

Deno.test("checkAll() warns of a file with a password that everybody can read, and goes on", async () => {
  await using installation = await Installation.make();
  await Deno.chmod(installation.envFile, 0o644);
  const report = await installation.check();
  assert.equal(troubleIn(report, "configuration").remedy, `chmod 600 ${installation.envFile}`);
  assert.equal(statuses(report)["configuration"], "warning");
  assert.equal(statuses(report)["state.folder"], "ok");
});

Deno.test("checkAll() says so when there is no file", async () => {
  await using installation = await Installation.make();
  const report = await installation.check({ envFile: `${installation.folder}/none` });
  const [missing] = resultOf(report, "configuration").findings;
  assert.equal(missing?.code, "file_missing");
  assert.equal(report.exitCode, 78);
});
