import assert from "node:assert/strict";
import { quoteLine, secretPart } from "../../src/config/quote.ts";
import { load, refusal, VALID, withValue } from "./files.ts";

Deno.test("quoteLine() shows a line of a whole file as it is", () => {
  assert.equal(quoteLine('WORKER_NAME="Ngor 7', "whole", ["hunter22"]), 'WORKER_NAME="Ngor 7');
  assert.equal(quoteLine("LOG_LEVL=info", "whole", []), "LOG_LEVL=info");
});

Deno.test("quoteLine() masks secrets, and of a URL all but scheme and host", () => {
  assert.equal(quoteLine("BACKEND_API_KEY=hunter22", "whole", []), "BACKEND_API_KEY=***");
  assert.equal(quoteLine("BACKEND_API_KY=hunter22", "whole", []), "BACKEND_API_KY=***");
  assert.equal(
    quoteLine("RABBITMQ_URL=amqp://u:hunter22@mq.example.com:0/v", "whole", []),
    "RABBITMQ_URL=amqp://***@mq.example.com:0/v",
  );
  for (const url of ["amqp://u:hun@ter22@mq", "amqp://u:hunter22", "u:hunter22@mq", "amqp//u:hunter22@mq"]) {
    assert.equal(quoteLine(`RABBITMQ_URL=${url}`, "whole", []), "RABBITMQ_URL=***");
  }
});

Deno.test("quoteLine() masks copies of a secret, and parts of one, wherever they stand", () => {
  assert.equal(quoteLine("SESSION_DIR=./x nter2 y", "whole", ["hunter22"]), "SESSION_DIR=./x *** y");
});

Deno.test("quoteLine() shows of a line with a part of unknown origin only public words", () => {
  assert.equal(quoteLine("  host:8080/api:5672 3f9a2b", "broken", []), "  host:8080/api:5672 ***");
  assert.equal(quoteLine("LOG_LEVEL=infoL=http://localh", "broken", []), "LOG_LEVEL=infoL=http://localh");
  assert.equal(quoteLine("LOG_LEVEL=in3f9a2b", "broken", []), "LOG_LEVEL=***");
  assert.equal(quoteLine("3f9a2b==", "whole", []), "***");
  assert.equal(quoteLine("# BACKEND_API_KEY=3f9a2b", "whole", []), "# BACKEND_API_KEY=***");
});

Deno.test("quoteLine() shows no long word that is not public where a secret may have been lost", () => {
  assert.equal(quoteLine("SEND_WAIT=soon", "doubtful", []), "SEND_WAIT=soon");
  assert.equal(quoteLine("LOG_LEVEL=3f9a2b", "doubtful", []), "LOG_LEVEL=***");
  assert.equal(quoteLine("LOG_LEVEL=infoL=http://localh", "doubtful", []), "LOG_LEVEL=infoL=http://localh");
});

Deno.test("quoteLine() makes control characters visible and cuts long lines", () => {
  assert.equal(quoteLine("LOG_LEVEL=\x1b[31minfo", "whole", []), "LOG_LEVEL=\\u{1b}[31minfo");
  assert.equal(quoteLine(`SESSION_DIR=${"x".repeat(500)}`, "whole", []).length, 121);
});

Deno.test("secretPart() is the password of a URL and all of anything else", () => {
  assert.equal(secretPart("amqp://u:a:b@c@h/v"), "a:b@c");
  assert.equal(secretPart("amqp://h"), "");
  assert.equal(secretPart("key"), "key");
});

Deno.test("ConfigError never shows what is left of a secret after the line was torn", async () => {
  const whole = withValue("BACKEND_API_KEY", "Zq7xKp2mVw9t");
  const torn = [
    whole.replace("Zq7xKp2", "Zq7x\nKp2"),
    whole.replace("BACKEND_API_KEY=Zq7x", ""),
    whole.replace(/localhost:8080[^]*Zq7x/, "localhost:80"),
    whole.replace("s3cr3tPass@broker", "s3cr"),
    whole.replace("s3cr3tPass", "s3cr\n3tPass"),
    whole.replace(/amqp:\/\/guest:s3cr/, ""),
    whole.replace("BACKEND_API_KEY=", "LOG_LEVEL="),
    `${whole}LOG_LEVEL=Zq7xKp2mVw9t\n`,
    `${VALID}# worker: BACKEND_API_KEY=Zq7xKp2mVw9t\n`,
  ];
  for (const text of torn) {
    const { message, faults } = await refusal(load(text));
    assert.doesNotMatch(message + JSON.stringify(faults), /Zq7x|Kp2m|Vw9t|s3cr|3tPass/);
  }
});
