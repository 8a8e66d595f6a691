/** Every kind of message that was sent or received: answered, reacted to, and handed on, with its medium. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { type MediaType, proto } from "@whiskeysockets/baileys";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import type { MediaContent } from "../stand_in/media_host.ts";
import type { StandIn } from "../stand_in/stand_in.ts";
import { PEOPLE } from "./examples.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

type Sample = keyof typeof SAMPLES;
type Content = Record<string, unknown>;

const MEDIA: Readonly<Record<string, readonly [MediaType, Sample, Content]>> = {
  imageMessage: ["image", "photo.jpg", { mimetype: "image/jpeg", caption: "look", width: 8, height: 6 }],
  videoMessage: ["video", "clip.mp4", { mimetype: "video/mp4", gifPlayback: true, seconds: 3 }],
  audioMessage: ["audio", "voice.ogg", { mimetype: "audio/ogg; codecs=opus", ptt: true, seconds: 2 }],
  documentMessage: ["document", "invoice.pdf", { mimetype: "application/pdf", fileName: "Invoice 42.pdf" }],
  stickerMessage: ["sticker", "sticker.webp", { mimetype: "image/webp", isAnimated: false }],
};

const OTHERS: Readonly<Record<string, Content>> = {
  extendedTextMessage: { text: "hello" },
  locationMessage: { degreesLatitude: 14.6937, degreesLongitude: -17.44406, name: "Our shop" },
  contactMessage: { displayName: "Awa", vcard: "BEGIN:VCARD\nVERSION:3.0\nFN:Awa\nEND:VCARD" },
  contactsArrayMessage: {
    displayName: "2 contacts",
    contacts: ["Awa", "Binta"].map((name) => ({
      displayName: name,
      vcard: `BEGIN:VCARD\nFN:${name}\nEND:VCARD`,
    })),
  },
};

async function contentOf(standIn: StandIn, kind: string): Promise<proto.IMessage> {
  const [type, sample, said] = MEDIA[kind] ?? [undefined, undefined, OTHERS[kind]];
  return {
    [kind]: type === undefined ? said : { ...await standIn.media.put(SAMPLES[sample], type), ...said },
  };
}

/** What a kind holds, as it is written on the wire, without what it says of other messages. */
function shown(message: proto.IMessage | null | undefined, kind: string): Content {
  const { contextInfo: _, ...content } = JSON.parse(JSON.stringify(message?.[kind as keyof proto.IMessage]));
  return content;
}

for (const isGroup of [false, true]) {
  Deno.test(`Every kind of message that came in from a ${isGroup ? "group" : "person"} can be answered, reacted to and handed on`, async (t) => {
    await using stack = await startStack({ broker });
    const { standIn, backend } = stack;
    const friend = standIn.contact(PEOPLE.friend);
    const other = standIn.contact(PEOPLE.other);
    const phone = standIn.phone(LINE.phoneNumber);
    standIn.group(GROUP, [friend, other, phone], "lid");
    await stack.startWorker();
    await pair(stack, LINE);
    const chat = isGroup ? GROUP : friend.lid;
    let messageId = 0;
    const send = async (body: Content) => {
      const command = await backend.send({ messageId: ++messageId, numberId: LINE.numberId, ...body });
      const { body: status } = await backend.next(
        ({ body, properties }) => properties.correlationId === command && body.status !== "DELIVERED",
        { describe: `an answer to ${body.type}` },
      );
      assert.equal(status.status, "SENT", String(status.error));
      return String(status.whatsappMessageId);
    };

    for (const kind of [...Object.keys(MEDIA), ...Object.keys(OTHERS)]) {
      await t.step(kind, async () => {
        const content = await contentOf(standIn, kind);
        const target = isGroup
          ? await friend.sendToGroup(GROUP, LINE.phoneNumber, content)
          : await friend.send(LINE.phoneNumber, content);
        await backend.next(({ body }) => body.messageId === target, { describe: `the friend's ${kind}` });
        const original = shown(proto.Message.decode(proto.Message.encode(content).finish()), kind);

        for (
          const [to, reader] of [[GROUP, other], [other.lid, other], [`+${friend.number}`, friend]] as const
        ) {
          const id = await send({ to, type: "FORWARD", target });
          const { message } = await reader.next((message) => message.id === id);
          assert.deepEqual(shown(message, kind), original, `handed on to ${to}`);
          const part = message[kind as keyof proto.IMessage] as { contextInfo?: proto.IContextInfo };
          assert.deepEqual(
            [
              part.contextInfo?.isForwarded,
              part.contextInfo?.forwardingScore,
              part.contextInfo?.quotedMessage,
            ],
            [true, 1, null],
          );
          if (kind in MEDIA) {
            const [type, sample] = MEDIA[kind]!;
            const bytes = await standIn.media.open(part as Partial<MediaContent>, type);
            assert.deepEqual(Buffer.from(bytes), Buffer.from(SAMPLES[sample]));
          }
        }

        for (
          const body of [
            { type: "TEXT", content: "thanks" },
            { type: "IMAGE", mediaBase64: Buffer.from(SAMPLES["dot.png"]).toString("base64") },
          ]
        ) {
          const id = await send({ to: chat, ...body, quoted: target });
          const { message } = await friend.next((message) => message.id === id);
          const info = (message.extendedTextMessage ?? message.imageMessage)?.contextInfo;
          assert.deepEqual([info?.stanzaId, info?.participant], [target, friend.lid]);
          assert.deepEqual(shown(info?.quotedMessage, kind), original, `quoted by ${body.type}`);
        }

        const reaction = await send({ to: chat, type: "REACTION", content: "👍", target });
        const { message: { reactionMessage } } = await friend.next((message) => message.id === reaction);
        assert.equal(reactionMessage?.key?.id, target);
        assert.equal(reactionMessage.text, "👍");
        assert.equal(reactionMessage.key.participant || undefined, isGroup ? friend.lid : undefined);
      });
    }
    assert.deepEqual(standIn.media.requests.filter((request) => request.startsWith("POST")).length, 9);
    assert.deepEqual(standIn.stats.violations, []);
    assert.deepEqual(standIn.stats.unknown, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("The caption of every medium that has one is edited, and the medium stays where it is", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const friend = standIn.contact(PEOPLE.friend);
  const other = standIn.contact(PEOPLE.other);
  standIn.group(GROUP, [friend, other, standIn.phone(LINE.phoneNumber)], "lid");
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const kinds = [
    ["IMAGE", "imageMessage", "photo.jpg", "image"],
    ["VIDEO", "videoMessage", "clip.mp4", "video"],
    ["DOCUMENT", "documentMessage", "invoice.pdf", "document"],
  ] as const;
  let messageId = 0;
  const send = async (body: Content, status = "SENT") => {
    const command = await backend.send({ messageId: ++messageId, numberId: LINE.numberId, ...body });
    return (await answer(stack, command, status)).body;
  };
  const targets: string[] = [];
  for (const [index, [type, , sample]] of kinds.entries()) {
    const { whatsappMessageId } = await send({
      to: index === 1 ? GROUP : PEOPLE.friend,
      type,
      mediaBase64: Buffer.from(SAMPLES[sample]).toString("base64"),
      content: "old",
      ...(type === "DOCUMENT" ? { fileName: "a.pdf" } : {}),
    });
    targets.push(String(whatsappMessageId));
  }
  await worker.stop();
  await stack.startWorker();
  for (const [index, [, kind, sample, type]] of kinds.entries()) {
    for (const content of ["new", "newer"]) {
      const { whatsappMessageId: id } = await send({
        to: index === 1 ? GROUP : friend.lid,
        type: "edit",
        content,
        target: targets[index],
      });
      const { message } = await friend.next((message) => message.id === id);
      assert.equal(message.protocolMessage?.key?.id, targets[index]);
      const edited = message.protocolMessage?.editedMessage?.[kind];
      assert.equal(edited?.caption, content);
      const bytes = await standIn.media.open(edited as Partial<MediaContent>, type);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(SAMPLES[sample]));
    }
    // What is answered and handed on then is what everybody sees.
    const { whatsappMessageId: forward } = await send({
      to: other.lid,
      type: "FORWARD",
      target: targets[index],
    });
    const { message } = await other.next((message) => message.id === forward);
    assert.equal(message[kind]?.caption, "newer");
  }
  const { whatsappMessageId } = await send({ to: PEOPLE.friend, type: "DELETE", target: targets[0] });
  await friend.next((message) => message.id === whatsappMessageId);
  const gone = await send({ to: other.lid, type: "FORWARD", target: targets[0] }, "FAILED");
  assert.deepEqual([gone.code, gone.retryable], ["unknown_message", false]);
  assert.deepEqual(standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});
