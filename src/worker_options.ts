import type { Logger } from "pino";
import type { Settings } from "./config/load.ts";
import type { PaceSettings } from "./pace_settings.ts";
import type { ActionTimings } from "./whatsapp/chats/chat_actions.ts";
import type { MediaTimings } from "./whatsapp/media/incoming/fetcher.ts";
import type { ProbeTimings } from "./whatsapp/vitals/probe.ts";

/** What a worker is made of; time and chance come from outside so that tests need no patching. */
export interface WorkerOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly log: Logger;
  /** Faults of the process that nobody handled, since its start. @default none are counted */
  readonly unhandledFaults?: () => number;
  /** @default Date.now */
  readonly now?: () => number;
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number;
  /** How long each QR lives. @default WhatsApp's own times: 60 s, then 20 s each */
  readonly qrLifetimeMs?: number;
  /** When sockets to WhatsApp are probed. @default see {@link ProbeTimings} */
  readonly probe?: Partial<ProbeTimings>;
  /** How long a message that cannot be decrypted may take to come again before the backend is told. @default 60 s */
  readonly undecryptableAfterMs?: number;
  /** How long a send may be held for its number before it goes back to its queue for a moment. @default 5 minutes */
  readonly sendHoldMs?: number;
  /** How long things that are done in chats may take. @default see {@link ActionTimings} */
  readonly chatActions?: Partial<ActionTimings>;
  /** How long a send is parked at a time that its number may not hand over yet. @default 30 s */
  readonly sendParkMs?: number;
  /** The settings of the pace as they are at the moment. @default as in `settings` */
  readonly paceSettings?: () => PaceSettings;
  /** How long WhatsApp's page may take to say its version. @default 10 s */
  readonly webPageTimeoutMs?: number;
  /** How long what waits of media is waited for. @default see {@link MediaTimings} */
  readonly media?: Partial<MediaTimings>;
  /** How long a broker that is not there yet is waited for. @default 15 s */
  readonly brokerPatienceMs?: number;
  /** How often an HTTP port that is taken is tried again. @default 30 s */
  readonly httpRetryPauseMs?: number;
  /** Called with why, whenever it was not there. */
  readonly onBrokerAwaited?: (why: string) => void;
  /**
   * Called with why, whenever the state folder could not be used for a reason that may pass (a full disk, another process).
   * @default the start fails
   */
  readonly onStateAwaited?: (why: string) => void;
}
