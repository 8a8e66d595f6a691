import { strict as assert } from "node:assert";
import { judge } from "../../src/preflight/checks/broker_server.ts";

const of = (version: string, product = "RabbitMQ") => judge({ product, version });

Deno.test("judge() knows what versions of RabbitMQ do otherwise", () => {
  assert.deepEqual([of("3.10.8").status, of("3.10.8").found], ["ok", "RabbitMQ 3.10.8"]);
  assert.match(
    of("4.0.5").found,
    /^RabbitMQ 4\.0\.5; drops .* for the 20th time \(the worker's own are classic\)$/,
  );
  assert.match(of("4.3.0-rc.1").found, /; refuses transient queues .*\(the worker has neither\)$/);
  assert.equal((of("4.10.0").facts?.limits as string[]).length, 2, "4.10 is newer than 4.3");
});

Deno.test("judge() warns of brokers that the worker was never tested with", () => {
  assert.equal(of("3.9.13").code, "broker_old");
  assert.equal(of("2.100.0").code, "broker_old");
  assert.equal(of("1.0", "LavinMQ").code, "broker_unknown");
  assert.match(of("", "an unknown broker").found, /^It is an unknown broker, with which/);
});
