import { strict as assert } from "node:assert";
import type { proto } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import type { Contact } from "../stand_in/contact.ts";
import type { Addressing } from "../stand_in/envelope.ts";
import { assertNoErrorsLogged, LINE, settled } from "../sessions/steps.ts";
import { startFileHost } from "../file_host.ts";
import { FILES } from "./media_examples.ts";
import { type Example, EXAMPLES, IDS, PAGE, PEOPLE, type Sent, TEXTS } from "./examples.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

/** A way to somebody. */
interface Way {
  /** The names people have on it. */
  readonly addressing: Addressing;
  readonly isGroup: boolean;
  /** What a backend writes for the recipient. */
  readonly to: (recipient: Contact) => string;
  /** The number writes to itself, and nobody else has written there. */
  readonly isSelf?: boolean;
}

const WAYS = {
  "a person by phone number": { addressing: "pn", isGroup: false, to: (_: Contact) => `+${PEOPLE.friend}` },
  "the number itself by phone number": {
    addressing: "pn",
    isGroup: false,
    to: (_: Contact) => LINE.phoneNumber,
    isSelf: true,
  },
  "the number itself by LID": {
    addressing: "lid",
    isGroup: false,
    to: ({ lid }: Contact) => lid,
    isSelf: true,
  },
  "a person by JID": { addressing: "pn", isGroup: false, to: ({ number }: Contact) => `${number}@c.us` },
  "a person by LID": { addressing: "lid", isGroup: false, to: ({ lid }: Contact) => lid },
  "a group by LID": { addressing: "lid", isGroup: true, to: () => GROUP },
  "a group by phone number": { addressing: "pn", isGroup: true, to: () => GROUP },
} satisfies Record<string, Way>;

for (const [way, { addressing, isGroup, to, isSelf = false }] of Object.entries<Way>(WAYS)) {
  Deno.test(`Every kind of message arrives at ${way} as it was to be sent`, async (t) => {
    await using files = await startFileHost();
    files.files.set(PAGE.name, (response) => {
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(PAGE.html);
    });
    await using stack = await startStack({
      broker,
      environment: { BACKEND_API_URL: `${files.url}/api`, MEDIA_ALLOW_HOSTS: files.host },
    });
    const { standIn, backend } = stack;
    const friend = standIn.contact(PEOPLE.friend, { addressing });
    const other = standIn.contact(PEOPLE.other, { addressing });
    const phone = standIn.phone(LINE.phoneNumber, { addressing });
    phone.addressBook.push(friend, other);
    standIn.group(GROUP, [friend, other, phone], addressing, { admins: [phone] });
    await stack.startWorker();
    await pair(stack, LINE);

    const send = async (messageId: number, body: Record<string, unknown>) => {
      const command = await backend.send({
        messageId,
        numberId: LINE.numberId,
        recipientNumber: to(isSelf ? phone : friend),
        ...body,
      });
      const { body: sent } = await stack.backend.next(
        ({ properties }) => properties.correlationId === command,
        { describe: `an answer to ${body.type}` },
      );
      assert.equal(sent.status, "SENT", String(sent.error));
      return String(sent.whatsappMessageId);
    };
    if (!isSelf) {
      if (isGroup) await friend.sendToGroup(GROUP, LINE.phoneNumber, TEXTS.theirs, IDS.theirs);
      else await friend.send(LINE.phoneNumber, { conversation: TEXTS.theirs }, IDS.theirs);
      await backend.next(({ body }) => body.messageId === IDS.theirs, { describe: "the friend's message" });
    }
    const own = await send(0, { type: "TEXT", content: TEXTS.own });

    const name = (contact: Contact) => addressing === "lid" ? contact.lid : contact.jid;
    const sent: Omit<Sent, "timeMs"> = {
      chat: isGroup ? GROUP : name(isSelf ? phone : friend),
      isGroup,
      media: standIn.media,
      jids: { number: name(phone), friend: name(friend), other: name(other) },
      ids: { theirs: IDS.theirs, own },
    };
    for (const [index, example] of EXAMPLES.entries()) {
      if (example.only === (isGroup ? "persons" : "groups")) continue;
      if (isSelf && [IDS.theirs, PEOPLE.friend].some((it) => JSON.stringify(example.body).includes(it))) {
        continue;
      }
      await t.step(example.name, async () => {
        const body = JSON.parse(
          JSON.stringify(example.body).replaceAll(IDS.own, own).replaceAll(FILES, files.url),
        );
        const id = await send(index + 1, body);
        const readers = isSelf ? [] : isGroup ? [friend, other] : [friend];
        for (const reader of readers) {
          const { message } = await reader.next((message) => message.id === id);
          await assertArrived(example, message, sent);
        }
        await assertKnownToPhone(stack, id, example, sent);
      });
    }
    assert.deepEqual(standIn.stats.violations, []);
    assert.deepEqual(standIn.stats.unknown, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("Every kind of message has an example, and every example a name of its own", () => {
  const names = EXAMPLES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type, body } of EXAMPLES) {
    assert.ok(name.startsWith(type), `${name} begins with its type`);
    assert.equal(body.type, type);
  }
});

async function assertArrived(
  example: Example,
  message: proto.IMessage,
  sent: Omit<Sent, "timeMs">,
): Promise<void> {
  const { protocolMessage, reactionMessage } = message;
  const timeMs = (protocolMessage?.timestampMs ?? reactionMessage?.senderTimestampMs)?.toString();
  if (timeMs !== undefined) assert.ok(Math.abs(Number(timeMs) - Date.now()) < 60_000, `made at ${timeMs}`);
  const secret = message.messageContextInfo?.messageSecret;
  assert.equal(secret?.length, reactionMessage ? undefined : 32, "has a secret unless it is a reaction");
  await example.expect(message, { ...sent, timeMs });
}

/** The number's own phone shows what was sent in its name, in the same chat. */
async function assertKnownToPhone(
  stack: Stack,
  id: string,
  example: Example,
  sent: Omit<Sent, "timeMs">,
): Promise<void> {
  const phone = stack.standIn.phone(LINE.phoneNumber);
  await settled(stack, LINE);
  const copy = sent.isGroup
    ? phone.inbox.find((message) => message.id === id)
    : phone.sent.find((message) => message.id === id && message.to === sent.chat);
  assert.ok(copy, `${example.name} is on the number's own phone`);
  await assertArrived(example, copy.message, sent);
}
