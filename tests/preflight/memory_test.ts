import { strict as assert } from "node:assert";
import { judge } from "../../src/preflight/checks/machine_memory.ts";

const GIB = 1024 ** 3;
const ROOMY = {
  total: 4 * GIB,
  available: 3 * GIB,
  swapTotal: 0,
  swapFree: 0,
  ownLimit: Infinity,
  serviceLimit: Infinity,
  serviceHigh: Infinity,
};

Deno.test("judge() says how much memory there is, and what limits it", () => {
  const roomy = judge(ROOMY);
  assert.deepEqual([roomy.status, roomy.found], [
    "ok",
    "3072 MiB of 4096 MiB available, no swap; no control group limits it",
  ]);
  assert.equal(roomy.facts?.ownLimitBytes, null, "JSON knows no Infinity");
  const limited = judge({
    ...ROOMY,
    swapTotal: GIB,
    swapFree: GIB / 2,
    serviceLimit: GIB,
    ownLimit: 2 * GIB,
  });
  assert.match(
    limited.found,
    /512 MiB of 1024 MiB swap free; limited: this control group 2048 MiB, the service 1024/,
  );
});

Deno.test("judge() warns of too little memory, and of limits that leave too little", () => {
  assert.equal(judge({ ...ROOMY, available: GIB / 8 }).code, "memory_low");
  assert.equal(judge({ ...ROOMY, available: GIB / 8, swapTotal: GIB, swapFree: GIB }).status, "ok");
  const service = judge({ ...ROOMY, serviceHigh: GIB / 8 });
  assert.equal(service.code, "memory_limited");
  assert.match(service.remedy ?? "", /MemoryHigh=1G/);
  assert.match(judge({ ...ROOMY, ownLimit: GIB / 8 }).remedy ?? "", /container or slice/);
});
