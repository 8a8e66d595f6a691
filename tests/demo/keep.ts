/** `--keep`: what runs after the play, how to talk to it, and what the backend receives meanwhile. */

import type { Received } from "../backend/backend.ts";
import { eventType } from "../../src/contract/events.ts";
import { stringifyJson } from "../../src/contract/json.ts";
import type { Parts } from "./parts.ts";
import { command, connected, CONTACT, NUMBER_ID, PHONE } from "./play.ts";
import type { Stage } from "./stage.ts";

/** The longest a timer can wait, 24 days. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** Opens the number again, says how to talk to everything, and shows what comes until the stage's signal is aborted. */
export async function keepRunning(stage: Stage, parts: Parts): Promise<never> {
  await command(stage, parts, "reconnect");
  await connected(stage, parts, () => "again, for you to play with");
  explain(stage, parts);
  const fromMs = Date.now();
  while (true) {
    await stage.step({
      who: "backend",
      what: "received",
      work: () =>
        parts.backend.next((received) => received.at >= fromMs && isNews(received), {
          timeoutMs: FOR_EVER_MS,
        }),
      detail: ({ queue, body }) => `${queue}: ${stringifyJson(body).slice(0, 400)}`,
    });
  }
}

/** Not the worker's report on itself each second, which would drown everything else. */
function isNews({ body, properties }: Received): boolean {
  return eventType(body) !== "worker_status" || properties.correlationId !== undefined;
}

function explain({ screen }: Stage, { broker, standIn, envFile, logFile, sessionDir }: Parts): void {
  const { httpPort, user, password } = broker.layout;
  const management = `http://127.0.0.1:${httpPort}/api`;
  const control = standIn.url.replace("ws:", "http:").replace(/\/ws\/chat$/, "/control");
  const publish = (routingKey: string, body: Record<string, unknown>) => {
    const request = {
      routing_key: routingKey,
      properties: { message_id: crypto.randomUUID() },
      payload: JSON.stringify(body),
      payload_encoding: "string",
    };
    return `  curl -u ${user}:${password} -d '${
      JSON.stringify(request)
    }' ${management}/exchanges/%2F/whatsapp.exchange/publish`;
  };
  const send = {
    messageId: 1,
    whatsappNumberId: NUMBER_ID,
    recipientNumber: `+${CONTACT}`,
    content: "Hi",
    type: "TEXT",
  };

  screen.heading("Everything keeps running until Ctrl-C");
  screen.row("AMQP", broker.url());
  screen.row("exchange", "whatsapp.exchange (topic)");
  screen.row("routing keys", "session.update, message.send, number.health");
  screen.row("worker's .env", envFile);
  screen.row("worker's log", logFile);
  screen.row("worker's state", sessionDir);
  screen.row("WhatsApp stand-in, help", `curl ${control}`);
  screen.text(
    "\nAs the backend: have a message sent (a new messageId for each), ask for the worker's status",
  );
  screen.text(publish("message.send", send));
  screen.text(publish("session.update", { action: "status" }));
  screen.text("\nAs the contact: write to the number, see what came from it");
  screen.text(`  curl -d '{"to":"${PHONE}","text":"salut"}' ${control}/contacts/${CONTACT}/send`);
  screen.text(`  curl ${control}/contacts/${CONTACT}/inbox`);
  screen.text("\nWhat the backend receives (without the periodic worker_status):");
}
