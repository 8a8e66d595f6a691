import assert from "node:assert/strict";
import { ensureRabbitmq, rabbitmqScripts } from "./install.ts";

Deno.test("rabbitmqScripts() finds the newest version, and nothing where there is none", () => {
  const folder = Deno.makeTempDirSync();
  try {
    assert.equal(rabbitmqScripts(`${folder}/absent`), undefined);
    assert.equal(rabbitmqScripts(folder), undefined);
    for (const version of ["3.9.13", "3.10.8"]) {
      Deno.mkdirSync(`${folder}/rabbitmq_server-${version}/sbin`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/rabbitmq_server-${version}/sbin/rabbitmq-server`, "");
    }
    Deno.mkdirSync(`${folder}/rabbitmq_server-4.0.0`);
    assert.equal(rabbitmqScripts(folder), `${folder}/rabbitmq_server-3.10.8/sbin`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("ensureRabbitmq() is silent when RabbitMQ is there", async () => {
  const lines: string[] = [];
  assert.equal(await ensureRabbitmq((line) => lines.push(line)), rabbitmqScripts());
  assert.deepEqual(lines, []);
});
