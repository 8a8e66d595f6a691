import { strict as assert } from "node:assert";
import type { Received } from "../backend/backend.ts";
import { othersCommandsWait } from "./checks/broker.ts";
import { qrIsAPicture } from "./checks/sessions.ts";
import { statusIsRegular } from "./checks/program.ts";
import { disagreements, isStatement, ROWS } from "./document/mod.ts";
import { CORRUPTED_ENV, RECOMMENDED_ENV } from "./document/env_texts.ts";
import { NOTHING, type Observations } from "./observations.ts";
import { evaluate, holds, section, sum, superseded, topics } from "./rows.ts";
import { startSpring } from "./spring.ts";
import { asJson, renderTable, renderTotals } from "./table.ts";

/** An event as far as checks look at it. */
function event(body: Record<string, unknown>): Received {
  const properties = { type: body.action, deliveryMode: 2, headers: {} } as unknown as Received["properties"];
  return { queue: "whatsapp.session.update", body, text: "", properties, redelivered: false, at: 0 };
}

Deno.test("every row fails when nothing was observed", () => {
  const outcomes = evaluate(ROWS, NOTHING);
  const passed = outcomes.filter(({ status }) => status !== "failed");
  assert.deepEqual(passed.map(({ row }) => row.id), []);
});

Deno.test("every row has an id of its own, in the order of the document", () => {
  assert.equal(new Set(ROWS.map(({ id }) => id)).size, ROWS.length);
  assert.deepEqual(ROWS.map(({ line }) => line), ROWS.map(({ line }) => line).sort((a, b) => a - b));
});

Deno.test("isStatement() takes boxes, table rows, items and marks, and no headings", () => {
  const statements = [
    "- [ ] ⚠ Fichier .env valide et complet",
    "   - [ ] Ajouter des tests unitaires",
    "| **Logs** | 100/100 | Logs détaillés |",
    "- ✅ Prefetch configuré à 1",
    "1. **Architecture solide** - Suit parfaitement la structure recommandée",
    "    case 'create':    // ✅ Gère la création",
    "**SCORE GLOBAL:** 95/100",
  ];
  const others = [
    "### Étape 1: Admin Valide le Client ✅",
    "|-----------|--------|",
    "| Catégorie | Score |",
    "text",
    "",
  ];
  assert.deepEqual(statements.filter((line) => !isStatement(line)), []);
  assert.deepEqual(others.filter(isStatement), []);
});

Deno.test("disagreements() tells a statement without a row, a wrong quote and a wrong heading", () => {
  const rows = section("### Étape 1: X", [holds(2, "a.a", "Worker génère un QR code", () => "")]);
  const document = `### Étape 1: X\n- [x] Worker génère un QR code\n${CORRUPTED_ENV}${RECOMMENDED_ENV}`;
  assert.deepEqual(disagreements(document, rows), []);
  const messages = (text: string) => disagreements(text, rows).join("\n");
  assert.match(messages(`${document}- [ ] Une nouvelle case\n`), /has no row: - \[ \] Une nouvelle case/);
  assert.match(messages(document.replace("génère", "envoie")), /a\.a quotes what line 2 does not say/);
  assert.match(
    messages(document.replace("Étape 1", "Étape 2")),
    /Nothing stands under line 1[^]*no heading before it/,
  );
  assert.match(messages(document.replace("LOG_PRETTY=true", "")), /does not show this \.env/);
});

Deno.test("evaluate() keeps going after a failure and sums up what is under a topic", () => {
  const rows = section("S", [
    holds(1, "one.good", "q", () => "seen"),
    holds(2, "two.bad", "q", () => {
      throw new Error("not seen");
    }),
    superseded(3, "one.old", "q", "the new one", () => "there"),
    sum(5, "score.one", "q", topics("one")),
    sum(6, "score.all", "q", () => true),
    sum(7, "score.none", "q", topics("nothing")),
  ]);
  const outcomes = evaluate(rows, NOTHING);
  assert.deepEqual(outcomes.map(({ status, evidence }) => `${status}: ${evidence}`), [
    "ok: seen",
    "failed: not seen",
    "superseded: by the new one: there",
    "ok: 2 of 2 checks hold",
    "failed: 2 of 3 checks hold; not two.bad",
    "failed: sums up no rows",
  ]);
  assert.equal(renderTotals(outcomes), "6 rows: 2 ok, 1 superseded, 3 failed");
  assert.match(renderTable(outcomes), /FAILED {6}two\.bad +l\.2 +« q »\n +not seen/);
  assert.equal(JSON.parse(asJson(outcomes, [])).totals.failed, 3);
});

Deno.test("a raw QR, a swallowed command and a slow report are found", () => {
  const steps: Observations["steps"] = new Map([["validate", { from: 0, to: 1 }], ["other worker", {
    from: 0,
    to: 2,
  }]]);
  const qr = (qrCode: string, workerId = "worker-1", numberId = 6) =>
    event({ action: "qr_generated", numberId, workerId, qrCode });
  assert.throws(
    () => qrIsAPicture({ ...NOTHING, steps, scanned: "picture", events: [qr("1@abc123")] }),
    /no data:image\/png;base64 URL/,
  );
  assert.throws(
    () =>
      qrIsAPicture({
        ...NOTHING,
        steps,
        scanned: "picture",
        events: [qr("data:image/png;base64,MUBhYmMxMjM=")],
      }),
    /no PNG/,
  );
  const events = [qr("", "worker-1", 7), qr("", "worker-2", 7)];
  assert.throws(
    () => othersCommandsWait({ ...NOTHING, steps, waiting: 1, events }),
    /1 events about it came from/,
  );
  const reports = [0, 30, 60].map((timestamp) =>
    event({ action: "worker_status", workerId: "worker-1", timestamp })
  );
  assert.throws(() => statusIsRegular({ ...NOTHING, events: reports }), /they came every 30 ms/);
});

Deno.test("startSpring() saves a session, publishes create and gives the admin the QR that came", async () => {
  const commands: Record<string, unknown>[] = [];
  const publish = (body: Record<string, unknown>) => Promise.resolve(String(commands.push(body)));
  await using spring = startSpring(publish, [{ id: 6, phoneNumber: "+221771234567" }]);
  const client = `${spring.url}/api/admin/dashboard/clients/6`;
  const request = async (method: string, url: string) => {
    const response = await fetch(url, { method });
    return [response.status, (await response.json()).qrCode];
  };

  assert.deepEqual(await request("GET", `${client}/qr-code`), [404, undefined]);
  assert.deepEqual(await request("POST", `${client}/validate?workerId=1`), [200, undefined]);
  assert.deepEqual(commands, [{
    sessionId: 6,
    action: "create",
    data: { numberId: 6, phoneNumber: "+221771234567", sessionId: "session_6_2533b0aa", workerId: "1" },
  }]);
  spring.onReceived(event({ action: "qr_generated", numberId: 6, qrCode: "data:…" }));
  assert.equal(spring.session(6)?.status, "QR_GENERATED");
  assert.deepEqual(await request("GET", `${client}/qr-code`), [200, "data:…"]);
  spring.onReceived(event({ action: "connected", numberId: 6 }));
  assert.deepEqual(await request("GET", `${client}/qr-code`), [404, undefined]);
  assert.deepEqual(await request("GET", `${spring.url}/api/admin/dashboard/clients/9/qr-code`), [
    404,
    undefined,
  ]);
});
