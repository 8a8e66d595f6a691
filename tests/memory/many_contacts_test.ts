import { sharedBroker } from "../rabbitmq/shared.ts";
import { event, LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { assertFlat, type Footprint, footprintOf, WATCHED } from "./footprint.ts";

const broker = await sharedBroker();

/** `MANY_CONTACTS=3000` for the long run: caches are full after a third of them. */
const CONTACTS = Number(Deno.env.get("MANY_CONTACTS") ?? 30);
const LOOKS = 15;
const PATIENCE_MS = 60_000;

Deno.test(`A number that writes with ${CONTACTS} contacts on one connection does not remember them all`, async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  const program = stack.startProgram({}, WATCHED);
  await program.printed("the worker is ready", PATIENCE_MS);
  await pair(stack, LINE);

  const footprints: Footprint[] = [];
  for (let contact = 1; contact <= CONTACTS; contact++) {
    await chat(stack, contact);
    if (contact % (CONTACTS / LOOKS) === 0) footprints.push(await footprintOf(program));
  }
  console.log(assertFlat(footprints));
});

/** Writes to somebody new, and is answered. */
async function chat(stack: Stack, index: number): Promise<void> {
  const number = String(221_780_000_000 + index);
  const contact = stack.standIn.contact(number);
  await stack.backend.send({
    messageId: index,
    whatsappNumberId: LINE.numberId,
    recipientNumber: `+${number}`,
    content: "text",
    type: "TEXT",
    mediaUrl: null,
  });
  await stack.backend.next(({ body }) => body.messageId === index && body.status === "DELIVERED");
  const messageId = await contact.sendText(LINE.phoneNumber, "text");
  await event(stack, LINE, "message_received", { messageId });
}
