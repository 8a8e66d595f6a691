/** What is tortured: a private broker, WhatsApp's stand-in, a backend, and workers behind proxies. */

import { join } from "node:path";
import type { Received } from "../backend/backend.ts";
import { cacheWorker, writeEnvFile } from "../demo/worker_process.ts";
import { type PrivateBroker, startBroker } from "../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { type Proxy, startProxy } from "../rabbitmq/proxy.ts";
import { type StandIn, startStandIn } from "../stand_in/stand_in.ts";
import { TortureBackend } from "./backend.ts";
import type { LeftMessage } from "./facts.ts";
import type { Cast } from "./schedule.ts";
import { type Exit, SupervisedWorker } from "./supervised_worker.ts";

/**
 * What the workers are set to, beside where things are: the broker's silence is noticed after 10 s instead of 20 s,
 * and an ack is waited for less long than the longest delay of the schedule.
 */
const SETTINGS = {
  MESSAGE_TIMEOUT: "10000",
  STATUS_INTERVAL: "2000",
  HEALTH_CHECK_INTERVAL: "30000",
  HTTP_PORT: "",
  LOG_LEVEL: "debug",
  LOG_PRETTY: "false",
};
const HEARTBEAT_S = 5;
/** Holds what the fleet has found out about its wiring, for good. */
const KEEPS_A_MESSAGE = "whatsapp.router.wiring";

/** A worker, and the proxy its broker connection goes through. */
export interface Post {
  readonly worker: SupervisedWorker;
  readonly link: Proxy;
}

/** Everything that runs. */
export interface Deployment {
  readonly broker: PrivateBroker;
  readonly standIn: StandIn;
  readonly backend: TortureBackend;
  /** By worker id. */
  readonly posts: ReadonlyMap<string, Post>;
}

/** Who is to be told of what happens, and where files go. */
export interface DeploymentOptions {
  readonly cast: Cast;
  /** Logs and state folders. */
  readonly folder: string;
  readonly onReceived: (received: Received) => void;
  readonly onExit: (exit: Exit) => void;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts all but the workers; everything ends with `resources`. */
export async function startDeployment(
  { cast, folder, onReceived, onExit, say, signal }: DeploymentOptions,
  resources: AsyncDisposableStack,
): Promise<Deployment> {
  await ensureRabbitmq(say, { signal });
  const broker = resources.use(await startBroker({ signal }));
  resources.defer(() => keepLog(broker, folder));
  await cacheWorker(signal);
  const standIn = resources.use(await startStandIn());
  const backend = resources.use(new TortureBackend(broker.url(), onReceived));
  await backend.start();
  const posts = new Map<string, Post>();
  for (const workerId of cast.workers) {
    const link = resources.use(await startProxy(broker.port));
    const envFile = join(folder, `${workerId}.env`);
    const url = new URL(broker.url());
    url.port = String(link.port);
    await writeEnvFile(envFile, {
      WORKER_ID: workerId,
      WORKER_NAME: workerId,
      RABBITMQ_URL: `${url}?heartbeat=${HEARTBEAT_S}`,
      SESSION_DIR: join(folder, workerId),
      WHATSAPP_WEB_URL: standIn.url,
      WHATSAPP_ROOT_KEY: standIn.rootKeyHex,
      ...SETTINGS,
    });
    const logFile = join(folder, `${workerId}.log`);
    const guardedBy = broker.layout.folder;
    const worker = resources.use(
      new SupervisedWorker({ workerId, envFile, logFile, guardedBy, onExit }),
    );
    posts.set(workerId, { worker, link });
  }
  return { broker, standIn, backend, posts };
}

/** How many messages wait in each queue that is not empty, delivered and not acknowledged ones included. */
export async function waitingIn({ broker }: Deployment): Promise<Map<string, number>> {
  const listed = await broker.ctl("list_queues", "-q", "--no-table-headers", "name", "messages");
  const queues = listed.trim().split("\n").map((line) => line.split("\t"));
  return new Map(
    queues
      .filter(([name, messages]) => Number(messages) > (name === KEEPS_A_MESSAGE ? 1 : 0))
      .map(([name, messages]) => [name!, Number(messages)]),
  );
}

/** What waits in those queues; it stays there. */
export async function readLeft({ broker }: Deployment, queues: Iterable<string>): Promise<LeftMessage[]> {
  const { httpPort, user, password } = broker.layout;
  const left: LeftMessage[] = [];
  for (const queue of queues) {
    const response = await fetch(
      `http://127.0.0.1:${httpPort}/api/queues/%2F/${encodeURIComponent(queue)}/get`,
      {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` },
        body: JSON.stringify({ count: 1_000, ackmode: "ack_requeue_true", encoding: "auto" }),
        signal: AbortSignal.timeout(30_000),
      },
    );
    const messages = await response.json() as {
      payload: string;
      properties: { headers?: Record<string, unknown> };
    }[];
    left.push(
      ...messages.map(({ payload, properties }) => ({
        queue,
        text: payload,
        headers: properties.headers ?? {},
      })),
    );
  }
  return left;
}

/** The broker's own log goes to the workers'. */
async function keepLog({ layout }: PrivateBroker, folder: string): Promise<void> {
  const logs = join(layout.folder, "log");
  for await (const { name, isFile } of Deno.readDir(logs)) {
    if (isFile) await Deno.copyFile(join(logs, name), join(folder, `broker-${name}`));
  }
}
