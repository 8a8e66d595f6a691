import assert from "node:assert/strict";
import { isThumbnail } from "../../../src/whatsapp/media/thumbnail.ts";
import { SAMPLES } from "../../media_samples.ts";

Deno.test("isThumbnail() takes small JPEG pictures alone", () => {
  assert.equal(isThumbnail(SAMPLES["photo.jpg"]), true);
  assert.equal(isThumbnail(SAMPLES["dot.png"]), false);
  const large = new Uint8Array(64 * 1024 + 1);
  large.set(SAMPLES["photo.jpg"]);
  assert.equal(isThumbnail(large), false);
  assert.equal(isThumbnail(new Uint8Array()), false);
});
