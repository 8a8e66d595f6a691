import assert from "node:assert/strict";
import { deadlineIn, whenAborted } from "../src/waiting.ts";

Deno.test("deadlineIn() aborts when the time is up, at once where it is past", async () => {
  using past = deadlineIn(-1);
  await whenAborted(past.signal);
});

Deno.test("deadlineIn() takes times that no timer does, and leaves none behind", async () => {
  using far = deadlineIn(Number.MAX_SAFE_INTEGER);
  using past = deadlineIn(5);
  await whenAborted(past.signal);
  assert.equal(far.signal.aborted, false);
});
