import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Database, DATABASE_FILE } from "../../src/store/database.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { placeholder } from "../../src/store/migrations/0009_placeholder.ts";
import { prune } from "../../src/store/retention.ts";
import { makeStore } from "../../src/store/store.ts";

const NOW = Date.now();
const FRIEND = "221779999999@s.whatsapp.net";

/** A row of every table there was before messages had kinds. */
const ROWS = `
INSERT INTO setting VALUES ('whatsapp_web_version', '2.3000.1');
INSERT INTO credential VALUES ('6', 'creds', 'creds', '{}');
INSERT INTO credential_set_aside (number_id, type, id, value) VALUES ('6', 'session', '1', 'x');
INSERT INTO outbox (queue, message_id, type, body, created_at) VALUES ('q', 'e1', 'message_status', '{}', ${NOW});
INSERT INTO send VALUES ('6', 'print', '3EB0A', '${FRIEND}', 'c1', '1', '6', 'DELIVERED', 1, 'a1', '{"a":1}', x'0A0161', ${NOW});
INSERT INTO send VALUES ('6', 'print2', '3EB0B', '120363000000000001@g.us', 'c2', '2', '6', 'PENDING', 0, NULL, NULL, x'0A0161', ${NOW});
INSERT INTO received VALUES ('6', '${FRIEND}', '3A01', ${NOW});
INSERT INTO plaintext VALUES ('6', 1, x'01', x'02');
INSERT INTO phone VALUES ('6', ${NOW}, ${NOW});
INSERT INTO undecryptable VALUES ('6', '${FRIEND}', '3A02', ${NOW});
INSERT INTO retry VALUES ('6', 'r', 2, ${NOW});
INSERT INTO session VALUES ('6', '6', '221771234567', NULL, 'open', 'qr', NULL, ${NOW});
INSERT INTO placeholder VALUES ('6', '${FRIEND}', '3A03', 0, NULL, ${NOW}, 3);
`;

Deno.test("A state folder from before messages had kinds is taken over whole", async () => {
  const folder = await Deno.makeTempDir({ prefix: "upgrade-test-" });
  try {
    const version = MIGRATIONS.indexOf(placeholder) + 1;
    const old = new DatabaseSync(join(folder, DATABASE_FILE));
    for (const sql of MIGRATIONS.slice(0, version)) old.exec(sql);
    old.exec(ROWS);
    const tables = old.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    for (const { name } of tables) {
      assert(old.prepare(`SELECT count(*) AS count FROM ${name}`).get()!.count !== 0, `nothing in ${name}`);
    }
    old.exec(`PRAGMA user_version=${version}`);
    old.close();

    const store = makeStore(await Database.open(folder), () => NOW);
    try {
      const sent = await store.ledger.find("6", "print");
      assert.deepEqual(
        [sent?.status, sent?.final, sent?.answer, sent?.remarksJson],
        ["DELIVERED", true, '{"a":1}', undefined],
      );
      // It had been handed over when the old version was stopped: the new one hands over the same.
      const pending = (await store.ledger.findByWhatsappId("6", "3EB0B"))!;
      assert.deepEqual([pending.status, pending.content], ["PENDING", Uint8Array.of(10, 1, 97)]);
      await store.commit(store.ledger.recording({ ...pending, status: "SENT", remarksJson: "{}" }));
      // Nobody has written down whom it was for.
      assert.equal((await store.recipients.tally(pending)).total, 0);
      assert(await store.received.has({ numberId: "6", chat: FRIEND, whatsappId: "3A01" }));
      // They were counted, and there is nothing to tell of them but that.
      assert.deepEqual(await store.undecryptable.untold("6"), []);
      assert.deepEqual((await store.placeholders.of("6")).map(({ attempts }) => attempts), [3]);
      assert.deepEqual(
        (await store.outbox.next({ rows: 9, bytes: 9e9 }, [])).map(({ messageId }) => messageId),
        ["e1"],
      );
      assert.deepEqual(await store.media.count(), { pending: 0, bytes: 0 });
      await prune(store, { mediaKeepMs: 1, mediaKeepBytes: 1 }, NOW, new AbortController().signal);
      assert(await store.ledger.find("6", "print") !== undefined);
    } finally {
      await store.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
