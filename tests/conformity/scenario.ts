/**
 * One deployment, played once from start to stop: broker, WhatsApp, a Spring-like backend and the worker as a program
 * of its own. What happens is written down for the checks; nothing is judged here.
 */

import { join } from "node:path";
import { type Backend, connectBackend, type Received } from "../backend/backend.ts";
import type { Broker } from "../rabbitmq/broker.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { type StandIn, startStandIn } from "../stand_in/stand_in.ts";
import { Program } from "../stack.ts";
import {
  bindingsOf,
  connectionsTo,
  consumersOf,
  deadReasons,
  queuesOf,
  vhostOf,
  waitingCommands,
} from "./broker_view.ts";
import { RECOMMENDED_ENV } from "./document/env_texts.ts";
import type { Ended, HttpAnswer, Observations } from "./observations.ts";
import { type Spring, startSpring } from "./spring.ts";
import { Timeline } from "./timeline.ts";

/** The document's own client. */
const NUMBER_ID = 6;
const PHONE = "221771234567";
/** A client of a worker that is not there at first. */
const OTHER_ID = 7;
const OTHER_PHONE = "221771234568";
const CONTACT = "221779999999";

const STATUS_INTERVAL_MS = 1_000;
/** How long a worker may take to end once it was told to: what it promises, and a little. */
const STOP_TIMEOUT_MS = 25_000;

/** What a played scenario observed; `troubles` are the steps that could not be played to their end. */
export interface Played extends Omit<Observations, "files" | "recommended" | "corrupted" | "version"> {
  readonly troubles: readonly string[];
}

/** How {@link play} is told to stop, and where it tells how far it is. */
export interface PlayOptions {
  /** Ends the play where it is. */
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Plays it. Never throws for what the worker does: a step that fails is noted, and its checks fail. */
export async function play(broker: Broker, options: PlayOptions): Promise<Played> {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-conformity-" });
  const url = await broker.vhost();
  try {
    await using standIn = await startStandIn();
    const events: Received[] = [];
    await using spring = startSpring((body) => backend.command(body), [
      { id: NUMBER_ID, phoneNumber: `+${PHONE}` },
      { id: OTHER_ID, phoneNumber: `+${OTHER_PHONE}` },
    ]);
    await using backend = await connectBackend({
      url,
      listener: (received) => {
        // A command the backend itself does not know comes back to it as well.
        if (received.properties.appId === "whatsapp-worker") events.push(received);
        spring.onReceived(received);
      },
    });
    await using scenario = new Scenario({
      broker,
      url,
      folder,
      standIn,
      backend,
      events,
      spring,
      ...options,
    });
    return await scenario.play();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Parts extends PlayOptions {
  readonly broker: Broker;
  readonly url: string;
  readonly folder: string;
  readonly standIn: StandIn;
  readonly backend: Backend;
  /** What the workers told the backend, so far. */
  readonly events: readonly Received[];
  readonly spring: Spring;
}

type Seen = { -readonly [K in keyof Played]?: Played[K] };

class Scenario implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #seen: Seen = {};
  readonly #programs: Program[] = [];
  readonly #httpPort = freePort();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async play(): Promise<Played> {
    const { broker, events, standIn, signal, tell } = this.#parts;
    const timeline = new Timeline({ events, logins: () => standIn.stats.logins, signal, tell });
    const opened = await timeline.play("start", this.#start) &&
      await timeline.play("validate", this.#validate) &&
      await timeline.play("scan", this.#scan);
    // Without a connected number there is nothing more to see; what follows does not depend on one another.
    if (opened) {
      await timeline.play("send", this.#send);
      await timeline.play("reply", this.#reply);
      await timeline.play("link lost", this.#linkLost);
      await timeline.play("close", this.#close);
      await timeline.play("reopen", this.#reopen);
      await timeline.play("reconnect", this.#reconnect);
      await timeline.play("bad commands", this.#badCommands);
      await timeline.play("broker lost", this.#brokerLost);
      await timeline.play("other worker", this.#otherWorker);
    }
    await timeline.play("stop", this.#stop);
    return {
      ...this.#seen,
      secrets: [broker.layout.password],
      violations: standIn.stats.violations,
      events,
      steps: timeline.spans,
      logins: timeline.logins,
      statusIntervalMs: STATUS_INTERVAL_MS,
      troubles: timeline.troubles,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program.end();
  }

  /** With the recommended file itself as `.env`; the environment only says where broker and WhatsApp are here. */
  readonly #start = async (): Promise<void> => {
    await Deno.writeTextFile(join(this.#parts.folder, ".env"), RECOMMENDED_ENV, { mode: 0o600 });
    this.#startWorker({ HTTP_PORT: String(this.#httpPort) });
    await this.#next("worker_status", ({ body }) => body.action === "worker_status", 20_000);
  };

  readonly #validate = async (): Promise<void> => {
    const { spring } = this.#parts;
    const client = `${spring.url}/api/admin/dashboard/clients/${NUMBER_ID}`;
    this.#seen.qrBefore = await http("GET", `${client}/qr-code`);
    this.#seen.validated = await http("POST", `${client}/validate?workerId=1`);
    Object.assign(this.#seen, { published: spring.published[0], created: spring.session(NUMBER_ID) });
    await this.#next("QR", ({ body }) => body.action === "qr_generated");
    Object.assign(this.#seen, { saved: spring.session(NUMBER_ID) });
    this.#seen.qrAnswer = await http("GET", `${client}/qr-code`);
  };

  readonly #scan = async (): Promise<void> => {
    const { standIn, broker, url } = this.#parts;
    const phone = standIn.phone(PHONE);
    const qrCode = String(this.#seen.qrAnswer?.body.qrCode);
    // What is no picture may still be a QR: the rest of the play needs a linked phone.
    const scanned = await phone.scanPng(qrCode).then(() => "picture" as const, () => undefined);
    if (scanned === undefined) await phone.scan(qrCode);
    this.#seen.scanned = scanned ?? "text";
    this.#seen.linked = phone.linked;
    await this.#next("connected", ({ body }) => body.action === "connected");
    await this.#next("a healthy number", ({ body }) => body.status === "HEALTHY");
    const [connections, consumers, bindings, queues] = await Promise.all([
      connectionsTo(broker, url),
      consumersOf(broker, url),
      bindingsOf(broker, url),
      queuesOf(broker, url),
    ]);
    Object.assign(this.#seen, { connections, consumers, bindings, queues });
    const metrics = await fetch(`http://127.0.0.1:${this.#httpPort}/metrics`);
    this.#seen.scrape = await metrics.text();
  };

  readonly #send = async (): Promise<void> => {
    const { backend, standIn } = this.#parts;
    const contact = standIn.contact(CONTACT);
    await backend.send({
      messageId: 7212345678901234567n,
      whatsappNumberId: NUMBER_ID,
      recipientNumber: `+${CONTACT}`,
      content: "Bonjour !",
      type: "TEXT",
      mediaUrl: null,
    });
    const message = await contact.next();
    await contact.read(message.id);
    await this.#next("READ", ({ body }) => body.status === "READ");
    this.#seen.delivered = { text: message.text, count: contact.inbox.length };
  };

  readonly #reply = async (): Promise<void> => {
    await this.#parts.standIn.contact(CONTACT).sendText(PHONE, "Bien reçu");
    await this.#next("the reply", ({ body }) => body.body === "Bien reçu");
  };

  readonly #linkLost = async (): Promise<void> => {
    this.#parts.standIn.faults.dropLinks(PHONE);
    await this.#next("disconnected", ({ body }) => body.action === "disconnected");
    await this.#next("connected", ({ body }) => body.action === "connected", 15_000);
  };

  readonly #close = async (): Promise<void> => {
    await this.#answered("close", "closed");
    await this.#next("a closed number's health", ({ body }) => body.reason === "closed" && "status" in body);
  };

  readonly #reopen = async (): Promise<void> => {
    await this.#answered("create", "connected");
  };

  readonly #reconnect = async (): Promise<void> => {
    await this.#answered("reconnect", "connected");
    this.#seen.linksAfterReconnect =
      this.#parts.standIn.clients.filter(({ number }) => number === PHONE).length;
  };

  readonly #badCommands = async (): Promise<void> => {
    const { backend, url } = this.#parts;
    const bodies = [
      { action: "danse", numberId: NUMBER_ID },
      { action: "create", numberId: 8, phoneNumber: "../../etc/passwd" },
      { action: "close", numberId: 404 },
    ];
    for (const body of bodies) {
      const id = await backend.command(body);
      await this.#next("error", ({ properties }) => properties.correlationId === id);
    }
    await this.#answered("status", "session_status");
    this.#seen.deadReasons = await deadReasons(url);
  };

  readonly #brokerLost = async (): Promise<void> => {
    const { broker, url, backend } = this.#parts;
    const worker = this.#programs[0];
    await broker.ctl("close_all_connections", "-p", vhostOf(url), "The play cuts every connection");
    await worker?.printed("connected to the broker again");
    // The backend's own connection comes back by itself too.
    await backend.healthCheck({ action: "health_check", numberId: NUMBER_ID, workerId: "1" });
    await this.#next(
      "health",
      ({ body, properties }) => body.status === "HEALTHY" && properties.correlationId !== undefined,
    );
    await this.#answered("status", "session_status");
  };

  readonly #otherWorker = async (): Promise<void> => {
    const { spring, url } = this.#parts;
    await http("POST", `${spring.url}/api/admin/dashboard/clients/${OTHER_ID}/validate?workerId=2`);
    this.#seen.waiting = await waitingCommands(url);
    const folder = join(this.#parts.folder, "worker-2");
    this.#startWorker({ WORKER_ID: "worker-2", WORKER_NAME: "Worker 2", SESSION_DIR: folder });
    await this.#next("the other worker's QR", isOtherQr, 20_000);
  };

  readonly #stop = async (): Promise<void> => {
    const worker = this.#programs[0];
    if (worker === undefined) throw new Error("No worker was started");
    this.#seen.stopped = await stop(worker);
  };

  #startWorker(environment: Record<string, string>): void {
    const { url, standIn, folder } = this.#parts;
    this.#programs.push(
      new Program({
        RABBITMQ_URL: url,
        WHATSAPP_WEB_URL: standIn.url,
        WHATSAPP_ROOT_KEY: standIn.rootKeyHex,
        STATUS_INTERVAL: String(STATUS_INTERVAL_MS),
        HEALTH_CHECK_INTERVAL: "1000",
        HTTP_PORT: "",
        LOG_PRETTY: "false",
        ...environment,
      }, folder),
    );
  }

  /** Sends a command as the document writes them, and waits for the event that answers it. */
  async #answered(action: string, answer: string): Promise<void> {
    const data = { numberId: NUMBER_ID, phoneNumber: `+${PHONE}`, workerId: "1" };
    const id = await this.#parts.backend.command({ sessionId: NUMBER_ID, action, data });
    await this.#next(
      `${answer} for ${action}`,
      ({ body, properties }) => body.action === answer && properties.correlationId === id,
    );
  }

  #next(describe: string, predicate: (received: Received) => boolean, timeoutMs = 10_000): Promise<Received> {
    return this.#parts.backend.next(predicate, { describe, timeoutMs });
  }
}

function isOtherQr({ body }: Received): boolean {
  return body.action === "qr_generated" && body.numberId === OTHER_ID;
}

async function http(method: string, url: string): Promise<HttpAnswer> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(10_000) });
  return { status: response.status, body: await response.json() };
}

async function stop(program: Program): Promise<Ended> {
  const startedAt = performance.now();
  program.process.kill("SIGTERM");
  const timer = setTimeout(() => program.process.kill("SIGKILL"), STOP_TIMEOUT_MS);
  const { code } = await program.process.status;
  clearTimeout(timer);
  const tookMs = performance.now() - startedAt;
  await program.end();
  return { exitCode: code, output: program.output(), tookMs };
}
