/** Every kind of medium that comes in, from persons and in groups, published itself and kept to be fetched. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { freePort } from "../rabbitmq/layout.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { assertNoErrorsLogged, event, FRIEND, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { assertTold, contentOf, KINDS, mediaIn, post } from "./inbound_media.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const INLINE_LIMIT = 4_096;
const TOKEN = "0123456789abcdef";
const SIZES = { inline: INLINE_LIMIT, stored: INLINE_LIMIT + 1 };

Deno.test("every kind of medium comes byte for byte, from a person and in a group, inline and to be fetched", async () => {
  const port = freePort();
  await using stack = await startStack({
    broker,
    environment: { HTTP_PORT: String(port), HTTP_TOKEN: TOKEN, MEDIA_INLINE_LIMIT: String(INLINE_LIMIT) },
  });
  const fetchMedium = (url: unknown) =>
    fetch(`http://127.0.0.1:${port}${url}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  await stack.startWorker();
  await pair(stack, LINE);
  const contact = stack.standIn.contact(FRIEND);

  for (const kind of KINDS) {
    for (const [way, bytes] of Object.entries(SIZES)) {
      for (const place of ["person", "group"]) {
        const posted = await post(stack.standIn, kind, bytes);
        const messageId = place === "person"
          ? await contact.send(LINE.phoneNumber, posted.message)
          : await contact.sendToGroup(GROUP, LINE.phoneNumber, posted.message);
        const told = await event(stack, LINE, "message_received", { messageId });
        assertTold(told, kind, posted);

        const came = await contentOf(stack, messageId);
        const { id, mimeType, detectedMimeType, size, fileName, status, data, url, expiresAt } = mediaIn(
          came,
        );
        assert.equal(came.body.sessionId, told.body.sessionId);
        assert.equal(came.queue, told.queue);
        assert.equal(came.properties.type, "message_media");
        assert.deepEqual(
          { id, mimeType, detectedMimeType, size, fileName, url },
          {
            detectedMimeType: kind.detected,
            id: mediaIn(told).id,
            mimeType: kind.mimeType,
            size: bytes,
            fileName: kind.media.fileName,
            url: mediaIn(told).url,
          },
          `${kind.name} ${way} ${place}`,
        );
        if (way === "inline") {
          assert.equal(status, "INLINE");
          assert.deepEqual(Buffer.from(String(data), "base64"), posted.plain, kind.name);
        } else {
          assert.deepEqual([status, data], ["STORED", undefined]);
          assert.ok(Number(expiresAt) > Date.now() + 6 * 24 * 60 * 60_000);
        }
        const fetched = await fetchMedium(url);
        assert.deepEqual(Buffer.from(await fetched.arrayBuffer()), posted.plain, `${kind.name}, fetched`);
        assert.equal(fetched.headers.get("content-type"), kind.mimeType.split(";")[0]);
        assert.equal(fetched.headers.get("x-content-type-options"), "nosniff");
        assert.match(String(fetched.headers.get("content-disposition")), /^attachment; filename\*=UTF-8''/);
      }
    }
  }
  assert.deepEqual([stack.standIn.stats.violations, stack.standIn.stats.unknown], [[], []]);
  assertNoErrorsLogged(stack);
  // Nobody else on the machine may look at them.
  const folder = join(stack.folder, "sessions", "media", "received");
  assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
  assert.equal(Deno.statSync(join(folder, "..")).mode! & 0o777, 0o700);
  for (const { name } of Deno.readDirSync(folder)) {
    assert.equal(Deno.statSync(join(folder, name)).mode! & 0o777, 0o600);
  }
});
