import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { StateFolder } from "./folders.ts";

const KILLS = 8;
const NUMBERS = Array.from({ length: 5 }, (_, index) => index + 1);
const NAME_OF = (numberId: number) => `session_${numberId}_+22177000000${numberId}`;
/** As long as all of it takes. */
const LATEST_KILL_MS = 100;

Deno.test(`adoptAuthFolders() killed ${KILLS} times adopts every folder wholly or not at all, and each in the end`, async () => {
  await using state = await StateFolder.make();
  const devices = new Map<number, Uint8Array>();
  for (const numberId of NUMBERS) {
    const creds = await state.oldSession(NAME_OF(numberId), { preKeys: 20 });
    devices.set(numberId, creds.signedIdentityKey.public);
  }
  for (let kill = 0; kill < KILLS; kill++) {
    await killAmid(state.path, (kill / KILLS) * LATEST_KILL_MS);
    for (
      const [index, { identity, preKeys, atStart }] of (await state.numbers(NUMBERS.map(String))).entries()
    ) {
      const numberId = index + 1;
      const whole = [devices.get(numberId), 20, "open"];
      assert.deepEqual(
        [identity, preKeys, atStart],
        identity === undefined ? [undefined, 0, undefined] : whole,
      );
    }
    assert.equal(state.folders().length, NUMBERS.length, "no folder is lost");
  }
  await state.adopt();
  const adopted = await state.numbers(NUMBERS.map(String));
  assert.deepEqual(adopted.map(({ identity }) => identity), [...devices.values()]);
  assert.deepEqual(state.folders(), NUMBERS.map((numberId) => `adopted/${NAME_OF(numberId)}`));
});

async function killAmid(folder: string, afterMs: number): Promise<void> {
  const script = new URL("./start.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, folder],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await delay(afterMs);
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
  await child.status;
  await reader.cancel();
}
