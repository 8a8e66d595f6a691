/** What `/media/ID` answers in each state of a medium, and what of its sender's words gets into the answer. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import type { FileAnswer } from "../../src/health/http.ts";
import { mediaFolder } from "../../src/health/media_folder.ts";
import { Database } from "../../src/store/database.ts";
import type { MediaRecord, Settlement } from "../../src/store/media.ts";
import { makeStore } from "../../src/store/store.ts";

async function startFolder() {
  const path = await Deno.makeTempDir({ prefix: "media-folder-test-" });
  const store = makeStore(await Database.open(path), Date.now);
  const { media } = store;
  let count = 0;
  return {
    ask: mediaFolder(store),
    media,
    add: async (settlement: Settlement | undefined, said: Partial<MediaRecord> = {}) => {
      const id = String(++count);
      const medium = { numberId: "6", whatsappId: id, chat: "x", fromMe: false, about: "{}", type: "image" };
      await store.commit(media.adding({ id, ...medium, mimeType: "image/jpeg", ...said }));
      if (settlement === undefined) return id;
      if (settlement.size) {
        const file = await media.files.create(id);
        await media.files.write(file, new Uint8Array(settlement.size));
        file.close();
        await media.files.keep(id);
      }
      await store.commit(media.settling(id, settlement));
      return id;
    },
    [Symbol.asyncDispose]: async () => {
      store.close();
      await Deno.remove(path, { recursive: true });
    },
  };
}

Deno.test("mediaFolder() says what it does not have and why", async () => {
  await using test = await startFolder();
  const { ask } = test;
  const gone = await test.add({ status: "STORED", size: 5 });
  await test.media.files.remove(gone);
  const cases = [
    ["none", 404, /no such medium/],
    ["../worker.db", 404, /no such medium/],
    [await test.add(undefined), 409, /still being fetched/],
    [
      await test.add({ status: "FAILED", error: "The phone has it no more" }),
      410,
      /^The phone has it no more\n$/,
    ],
    [gone, 410, /not kept any more/],
  ] as const;
  for (const [id, status, words] of cases) {
    const answer = await ask(id);
    assert.ok("body" in answer);
    assert.equal(answer.status, status);
    assert.match(answer.body, words);
    assert.equal(answer.headers?.["Retry-After"], status === 409 ? 5 : undefined);
  }
});

Deno.test("mediaFolder() gives nothing that a browser would run, and no header that a sender has written", async () => {
  await using test = await startFolder();
  const answerTo = async (said: Partial<MediaRecord>) => {
    const answer = await test.ask(await test.add({ status: "STORED", size: 3 }, said)) as FileAnswer;
    answer.file.close();
    return answer;
  };
  const types = [
    ["image/jpeg", "image/jpeg"],
    ["audio/ogg; codecs=opus", "audio/ogg"],
    ["application/pdf", "application/pdf"],
    [
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ],
  ];
  const dangerous = [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "text/javascript",
    "application/x-javascript",
    "multipart/related",
    "text/plain\r\nSet-Cookie: x",
    "nonsense",
    "",
  ];
  for (
    const [mimeType, contentType] of [
      ...types,
      ...dangerous.map((type) => [type, "application/octet-stream"]),
    ]
  ) {
    const answer = await answerTo({ mimeType: mimeType! });
    assert.equal(answer.contentType, contentType, mimeType!);
    assert.equal(answer.headers?.["X-Content-Type-Options"], "nosniff");
    assert.match(String(answer.headers?.["Content-Security-Policy"]), /sandbox/);
  }
  const lone = Buffer.from("3dd8", "hex").toString("utf16le");
  for (
    const fileName of [
      "Facture n° 7.pdf",
      'a"b\r\nX: y',
      "../../etc/passwd",
      "a/b\\c",
      lone,
      `x${"é".repeat(3000)}`,
    ]
  ) {
    const disposition = String((await answerTo({ fileName })).headers?.["Content-Disposition"]);
    assert.match(disposition, /^attachment; filename\*=UTF-8''[\w.%~!-]+$/, fileName);
    assert.ok(!/%0d|%0a|%2f|%5c|%22/i.test(disposition), disposition);
  }
});
