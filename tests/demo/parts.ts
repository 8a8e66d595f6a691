/** What the demo is played on: a private broker, the WhatsApp stand-in, a backend, and a worker with its files. */

import { type Backend, connectBackend } from "../backend/backend.ts";
import { type PrivateBroker, startBroker } from "../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { control } from "../stand_in/control.ts";
import { type StandIn, startStandIn } from "../stand_in/stand_in.ts";
import type { Stage } from "./stage.ts";
import { cacheWorker, WorkerProcess, writeEnvFile } from "./worker_process.ts";

/** How often the demo's worker reports on itself, in ms. */
export const STATUS_INTERVAL_MS = 1_000;

/** Everything that runs, and where its files are. */
export interface Parts {
  readonly broker: PrivateBroker;
  readonly standIn: StandIn;
  readonly backend: Backend;
  /** The worker's `.env`. */
  readonly envFile: string;
  /** What the worker prints. */
  readonly logFile: string;
  /** The worker's state folder. */
  readonly sessionDir: string;
  /** Starts a worker process, which ends with the other parts if not before. */
  startWorker(): WorkerProcess;
}

/**
 * Starts all but the worker. Everything is in one folder, the broker's, and ends with `resources`, last come first;
 * should this process be killed, the broker's guardian ends and removes what there is.
 */
export async function startParts(
  stage: Stage,
  resources: AsyncDisposableStack,
  onCrash: (error: Error) => void,
): Promise<Parts> {
  const broker = await startPrivateBroker(stage, resources);
  const standIn = await stage.prepare({
    who: "WhatsApp",
    what: "stand-in",
    work: async () => resources.use(await startStandIn({ onRequest: control })),
    detail: ({ url }) => `in place of web.whatsapp.com: ${url}`,
  });
  const backend = await stage.prepare({
    who: "backend",
    what: "connected",
    work: async () => resources.use(await connectBackend({ url: broker.url() })),
    detail: () => "exchange whatsapp.exchange (topic), four queues, prefetch 1",
  });
  const folder = `${broker.layout.folder}/worker`;
  const files = {
    envFile: `${folder}/.env`,
    logFile: `${folder}/worker.log`,
    sessionDir: `${folder}/sessions`,
  };
  await stage.prepare({
    who: "worker",
    what: ".env",
    work: async () => {
      await Deno.mkdir(folder, { mode: 0o700 });
      await writeEnvFile(files.envFile, {
        RABBITMQ_URL: broker.url(),
        SESSION_DIR: files.sessionDir,
        STATUS_INTERVAL: String(STATUS_INTERVAL_MS),
        HTTP_PORT: "",
        WHATSAPP_WEB_URL: standIn.url,
        WHATSAPP_ROOT_KEY: standIn.rootKeyHex,
      });
    },
    detail: () => files.envFile,
  });
  const guardedBy = broker.layout.folder;
  const startWorker = () =>
    resources.use(new WorkerProcess({ envFile: files.envFile, logFile: files.logFile, guardedBy, onCrash }));
  return { broker, standIn, backend, ...files, startWorker };
}

/** While the broker boots the worker's dependencies are looked after. */
async function startPrivateBroker(stage: Stage, resources: AsyncDisposableStack): Promise<PrivateBroker> {
  const { screen, signal } = stage;
  const scripts = await stage.prepare({
    who: "broker",
    what: "RabbitMQ",
    work: () => ensureRabbitmq((line) => screen.step("broker", "installing", line), { signal }),
    detail: (scripts) => scripts,
  });
  screen.step("broker", "booting", "private, on loopback; this takes some seconds");
  const starting = startBroker({ signal });
  resources.defer(async () => {
    // Why it did not start is told by the step below.
    const broker = await starting.catch(() => undefined);
    await broker?.stop();
  });
  const [broker] = await Promise.all([
    stage.prepare({
      who: "broker",
      what: "ready",
      work: () => starting,
      detail: ({ port }) => `RabbitMQ ${/_server-([\d.]+)/.exec(scripts)?.[1] ?? ""} on 127.0.0.1:${port}`,
    }),
    stage.prepare({
      who: "worker",
      what: "dependencies",
      work: () => cacheWorker(signal),
      detail: () => "there",
    }),
  ]);
  return broker;
}
