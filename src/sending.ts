import type { Announcer } from "./announcer.ts";
import { paceOf } from "./pace_settings.ts";
import type { Store } from "./store/store.ts";
import type { Telemetry } from "./telemetry.ts";
import { ChatActions } from "./whatsapp/chats/chat_actions.ts";
import { AddressGuard } from "./whatsapp/media/outgoing/address_guard.ts";
import { OutgoingMedia } from "./whatsapp/media/outgoing/outgoing_media.ts";
import { Sender } from "./whatsapp/outbound/sender.ts";
import { Pacing } from "./whatsapp/pacing/pacing.ts";
import type { Receipts } from "./whatsapp/receipts/receipts.ts";
import type { Session } from "./whatsapp/session/session.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** What {@link buildSending} wires. */
interface SendingParts
  extends Pick<WorkerOptions, "settings" | "paceSettings" | "sendParkMs" | "sendHoldMs" | "chatActions"> {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly receipts: Receipts;
  /** The session of a number, if this worker holds it. */
  readonly sessionOf: (numberId: string) => Session | undefined;
  readonly now: () => number;
  readonly newId: () => string;
  readonly telemetry: Telemetry;
}

/** Wires what goes out of a number's queue: messages, at the number's pace, and what is done in its chats. */
export function buildSending(parts: SendingParts) {
  const {
    settings,
    paceSettings = () => settings,
    store,
    announcer,
    receipts,
    sessionOf,
    now,
    newId,
    telemetry,
  } = parts;
  const guard = new AddressGuard(settings.MEDIA_ALLOW_HOSTS);
  const outgoingMedia = new OutgoingMedia({
    guard,
    backendUrl: settings.BACKEND_API_URL,
    backendKey: settings.BACKEND_API_KEY,
    maxBytes: settings.MEDIA_MAX_SIZE,
    timeoutMs: settings.MEDIA_TIMEOUT,
    sessionDir: settings.SESSION_DIR,
    webUrl: settings.WHATSAPP_WEB_URL,
  });
  const pacing = new Pacing({
    store,
    pace: () => paceOf(paceSettings()),
    parkMs: parts.sendParkMs,
    sessionOf,
    now,
    telemetry,
  });
  const sender = new Sender({
    store,
    receipts,
    media: outgoingMedia,
    guard,
    pacing,
    sessionOf,
    messageTimeoutMs: settings.MESSAGE_TIMEOUT,
    maxAttempts: settings.MAX_RETRY_ATTEMPTS,
    holdMs: parts.sendHoldMs,
    now,
    newId,
    telemetry,
  });
  const chatActions = new ChatActions({
    store,
    announcer,
    sessionOf,
    checksPerMinute: () => paceSettings().NUMBER_CHECKS_PER_MINUTE,
    timings: parts.chatActions,
    now,
    telemetry,
  });
  return { outgoingMedia, pacing, sender, chatActions };
}
