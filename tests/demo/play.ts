/** The contract between backend and worker, played once from `create` to `close`. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
// @ts-types="@types/qrcode"
import QRCode from "qrcode";
import { workerReport } from "../../src/contract/events.ts";
import type { Received } from "../backend/backend.ts";
import type { MediaContent } from "../stand_in/media_host.ts";
import { readQrPicture } from "../stand_in/qr_code.ts";
import { type Parts, STATUS_INTERVAL_MS } from "./parts.ts";
import { seconds } from "./screen.ts";
import type { Stage } from "./stage.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** The number that is opened, digits only. */
export const PHONE = "221771234567";
/** Whom it writes with. */
export const CONTACT = "221779999999";
/** What the backend calls the number. */
export const NUMBER_ID = 6;

const MESSAGE_ID = 7212345678901234567n;
const REST_MS = 3_000;
const PNG_PREFIX = "data:image/png;base64,";

/** What is measured on the way. */
export interface Measurements {
  createToQrMs: number;
  startToReadyMs: number;
  restartToReadyMs: number;
  /** Resident memory with one session at rest, in bytes. */
  restBytes: number;
}

/** Plays it. @param qrFile where the QR's picture goes */
export async function play(stage: Stage, parts: Parts, qrFile: string): Promise<Measurements> {
  const { startToReadyMs, worker } = await startWorker(stage, parts);
  const createToQrMs = await pair(stage, parts, qrFile);
  await send(stage, parts);
  await receive(stage, parts);
  await exchangePictures(stage, parts, await Deno.readFile(qrFile));
  const restBytes = await rest(stage, parts);
  await regenerateQr(stage, parts);
  const restartToReadyMs = await restart(stage, parts, worker);
  await close(stage, parts);
  return { createToQrMs, startToReadyMs, restartToReadyMs, restBytes };
}

async function startWorker(
  stage: Stage,
  parts: Parts,
): Promise<{ startToReadyMs: number; worker: WorkerProcess }> {
  const worker = parts.startWorker();
  const startToReadyMs = await stage.step({
    who: "worker",
    what: "ready",
    work: () => worker.ready,
    detail: (ms) => `process ${worker.pid}, ${seconds(ms)} after its start`,
  });
  return { startToReadyMs, worker };
}

/** @returns the time from `create` to `qr_generated`, in ms */
async function pair(stage: Stage, { backend, standIn }: Parts, qrFile: string): Promise<number> {
  const createdAtMs = performance.now();
  await command(stage, { backend }, "create", { phoneNumber: `+${PHONE}` });
  let createToQrMs = 0;
  const { drawing } = await stage.step({
    who: "worker",
    what: "qr_generated",
    work: async () => {
      const event = await backend.next(isEvent("qr_generated"), { describe: "a QR" });
      createToQrMs = performance.now() - createdAtMs;
      const picture = Buffer.from(String(event.body.qrCode).slice(PNG_PREFIX.length), "base64");
      // The file is there, unless the demo was interrupted just now and has removed it.
      await Deno.writeFile(qrFile, picture, { create: false });
      const text = readQrPicture(String(event.body.qrCode));
      const drawing = await QRCode.toString(text, { type: "utf8", errorCorrectionLevel: "L", margin: 2 });
      const { attempt, maxAttempts } = event.body;
      return { drawing, attempt, maxAttempts };
    },
    detail: ({ attempt, maxAttempts }) => `attempt ${attempt} of ${maxAttempts}, picture in ${qrFile}`,
  });
  stage.screen.qr(drawing);
  await stage.step({
    who: "phone",
    what: "scanned",
    work: async () => {
      const picture = (await Deno.readFile(qrFile)).toBase64();
      await standIn.phone(PHONE).scanPng(PNG_PREFIX + picture);
    },
    detail: () => "the picture in that file",
  });
  await connected(
    stage,
    { backend },
    ({ body }) => `${body.phoneNumber}, ${body.sessionId}, jid ${body.jid}`,
  );
  await stage.step({
    who: "worker",
    what: "HEALTHY",
    work: () => backend.next(({ body }) => body.status === "HEALTHY" && body.numberId === NUMBER_ID),
    detail: ({ queue }) => `on ${queue}`,
  });
  return createToQrMs;
}

async function send(stage: Stage, { backend, standIn }: Parts): Promise<void> {
  const contact = standIn.contact(CONTACT);
  const content = "Hello! Bonjour ! 👋";
  await stage.step({
    who: "backend",
    what: "TEXT",
    work: () =>
      backend.send({
        messageId: MESSAGE_ID,
        whatsappNumberId: NUMBER_ID,
        recipientNumber: `+${CONTACT}`,
        content,
        type: "TEXT",
        mediaUrl: null,
      }),
    detail: () => `messageId ${MESSAGE_ID} to +${CONTACT}: "${content}"`,
  });
  const status = (status: string) =>
    stage.step({
      who: "worker",
      what: status,
      work: async () => {
        const event = await backend.next(({ body }) =>
          body.status === status && body.messageId === MESSAGE_ID
        );
        return String(event.body.whatsappMessageId);
      },
      detail: (id) => `messageId ${MESSAGE_ID} is WhatsApp's ${id}`,
    });
  await status("SENT");
  const message = await stage.step({
    who: "contact",
    what: "decrypted",
    work: async () => {
      const message = await contact.next();
      assert.equal(message.text, content);
      return message;
    },
    detail: ({ text }) => `"${text}"`,
  });
  await status("DELIVERED");
  await stage.step({ who: "contact", what: "read", work: () => contact.read(message.id) });
  await status("READ");
}

async function receive(stage: Stage, { backend, standIn }: Parts): Promise<void> {
  const text = "Merci, bien reçu";
  await stage.step({
    who: "contact",
    what: "replied",
    work: () => standIn.contact(CONTACT).sendText(PHONE, text),
    detail: () => `"${text}"`,
  });
  await stage.step({
    who: "worker",
    what: "received",
    work: async () => {
      const event = await backend.next(({ body }) => body.body === text, { describe: "the reply" });
      assert.equal(event.queue, "whatsapp.message.receive");
      assert.equal(event.body.from, `${CONTACT}@c.us`);
      return event;
    },
    detail: ({ queue, body }) => `from ${body.from} on ${queue}: "${body.body}"`,
  });
}

/** Sends a picture, encrypted over WhatsApp's media host, and gets it back. */
async function exchangePictures(
  stage: Stage,
  { backend, standIn }: Parts,
  picture: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const contact = standIn.contact(CONTACT);
  const mediaBase64 = picture.toBase64();
  const messageId = MESSAGE_ID + 1n;
  await stage.step({
    who: "backend",
    what: "IMAGE",
    work: () =>
      backend.send({
        messageId,
        whatsappNumberId: NUMBER_ID,
        recipientNumber: `+${CONTACT}`,
        content: "Scan me",
        type: "IMAGE",
        mediaBase64,
      }),
    detail: () => `messageId ${messageId} to +${CONTACT}: ${picture.length} bytes in base64`,
  });
  await stage.step({
    who: "contact",
    what: "decrypted",
    work: async () => {
      const { message: { imageMessage } } = await contact.next();
      assert.equal(imageMessage?.caption, "Scan me");
      assert.equal((await standIn.media.open(imageMessage as MediaContent, "image")).toBase64(), mediaBase64);
      return imageMessage;
    },
    detail: ({ mimetype, width, height }) =>
      `the same ${mimetype}, ${width} × ${height}, from the media host`,
  });
  await stage.step({
    who: "contact",
    what: "replied",
    work: async () => {
      const content = await standIn.media.put(picture, "image");
      await contact.send(PHONE, { imageMessage: { ...content, mimetype: "image/png", caption: "Done" } });
    },
    detail: () => "with the picture",
  });
  await stage.step({
    who: "worker",
    what: "received",
    work: () => backend.next(({ body }) => body.body === "Done", { describe: "the picture's message" }),
    detail: ({ body }) => `${body.type}, caption "${body.body}"; its content is being fetched`,
  });
  await stage.step({
    who: "worker",
    what: "message_media",
    work: async () => {
      const event = await backend.next(isEvent("message_media"), { describe: "the picture" });
      const media = event.body.media as { data: string; mimeType: string; size: number };
      assert.equal(media.data, mediaBase64);
      return media;
    },
    detail: ({ mimeType, size }) => `the same ${mimeType} of ${size} bytes`,
  });
}

/** Lets the worker rest. @returns its resident memory then, in bytes */
async function rest(stage: Stage, { backend }: Parts): Promise<number> {
  const restedAtMs = Date.now() + REST_MS;
  const { memory } = await stage.step({
    who: "worker",
    what: "worker_status",
    work: async () => {
      const event = await backend.next(
        ({ body, at }) => body.action === "worker_status" && at >= restedAtMs,
        { timeoutMs: REST_MS + 10 * STATUS_INTERVAL_MS, describe: "worker_status" },
      );
      const report = workerReport.parse(event.body.data);
      assert.equal(report.connectedSessions, 1, "The worker does not report its session as connected");
      return report;
    },
    detail: ({ name, version, totalSessions, connectedSessions, uptime }) =>
      `${name} ${version}: ${connectedSessions} of ${totalSessions} sessions connected, up ${uptime} s`,
  });
  return memory.rss ?? NaN;
}

async function regenerateQr(stage: Stage, { backend }: Parts): Promise<void> {
  await command(stage, { backend }, "regenerate_qr");
  await connected(stage, { backend }, ({ body }) => {
    assert.ok(body.message, "The answer to regenerate_qr on a connected number has no 'message'");
    return `already, message "${body.message}"`;
  });
}

/** @returns the time from the second start to ready, in ms */
async function restart(stage: Stage, parts: Parts, worker: WorkerProcess): Promise<number> {
  await stage.step({
    who: "worker",
    what: "SIGTERM",
    work: async () => assert.equal(await worker.stop(), 0, "The worker did not end with exit code 0"),
    detail: () => `process ${worker.pid} ended with exit code 0`,
  });
  const { startToReadyMs } = await startWorker(stage, parts);
  await connected(stage, parts, () => {
    const qrs = parts.backend.received.filter(isEvent("qr_generated"));
    assert.equal(qrs.length, 1, "A QR came although the session had credentials");
    return "the session is back without a QR";
  });
  return startToReadyMs;
}

async function close(stage: Stage, { backend }: Parts): Promise<void> {
  await command(stage, { backend }, "close");
  await stage.step({
    who: "worker",
    what: "closed",
    work: () => backend.next(isEvent("closed"), { describe: "closed" }),
    detail: ({ body }) => `${body.sessionId}, reason ${body.reason}`,
  });
}

/** Publishes a command for the number. */
export async function command(
  stage: Stage,
  { backend }: Pick<Parts, "backend">,
  action: string,
  fields: Record<string, unknown> = {},
): Promise<void> {
  await stage.step({
    who: "backend",
    what: action,
    work: () => backend.command({ action, numberId: NUMBER_ID, ...fields }),
    detail: () => ["number 6", ...Object.values(fields)].join(", "),
  });
}

/** Waits for the number's next `connected`. */
export function connected(
  stage: Stage,
  { backend }: Pick<Parts, "backend">,
  detail: (received: Received) => string,
): Promise<Received> {
  return stage.step({
    who: "worker",
    what: "connected",
    work: () => backend.next(isEvent("connected"), { timeoutMs: 20_000, describe: "connected" }),
    detail,
  });
}

const isEvent = (action: string) => ({ body }: Received) =>
  body.action === action && body.numberId === NUMBER_ID;
