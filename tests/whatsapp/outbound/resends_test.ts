import { strict as assert } from "node:assert";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { retryCounts } from "../../../src/whatsapp/outbound/resends.ts";

Deno.test("retryCounts() keeps what is counted of messages that were sent from here, and little of all else", async () => {
  const database = Database.inMemory();
  const store = makeStore(database, () => 1);
  await store.commit(store.ledger.recording({
    numberId: "6",
    fingerprint: "print",
    whatsappId: "3EB0SENT",
    chat: "221779999999@s.whatsapp.net",
    numberIdJson: "6",
    status: "SENT",
    final: true,
  }));
  const sent = "3EB0SENT:221779999999:3@s.whatsapp.net";
  const counts = retryCounts(store, "6");
  for (let other = 0; other < 2_000; other++) await counts.set(`3EB0MADEUP${other}:1@lid`, 1);
  await counts.set(sent, 1);
  await counts.set(sent, 2);
  assert.deepEqual([await counts.get("3EB0MADEUP999:1@lid"), await counts.get("3EB0MADEUP1000:1@lid")], [
    undefined,
    1,
  ]);
  assert.equal((await database.selectOne("SELECT count(*) AS n FROM retry"))?.n, 1);

  const afterwards = retryCounts(store, "6");
  assert.equal(await afterwards.get(sent), 2);
  assert.equal(await retryCounts(store, "7").get(sent), undefined);
  await afterwards.del(sent);
  assert.equal(await afterwards.get(sent), undefined);
  store.close();
});
