/** A worker installed on a machine of its own, with the broker, the WhatsApp stand-in and the backend around it. */

import { strict as assert } from "node:assert";
import type { Received } from "../backend/backend.ts";
import { type Proxy, startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { type CommandResult, type Container, startContainer } from "./container.ts";
import { Service } from "./service.ts";
import type { Site } from "./site.ts";

/** The number that the worker has. */
export const NUMBER_ID = 6;
/** Its phone. */
export const PHONE = "221771234567";
/** Somebody it writes with. */
export const CONTACT = "221779999999";

/** The settings file of an installed worker. */
export const ENV_FILE = "/etc/whatsapp-worker/worker.env";
/** The command for operators. */
export const COMMAND = "/usr/local/bin/whatsapp-worker";

const INSTALLER = "/root/install.sh";
const URL_FILE = "/root/rabbitmq-url";

/** How long the service is watched after it was started. It is up in a second, on a busy machine in some more. */
const WATCH_S = 6;

/** Boots a machine with the built worker and its installer on it; nothing is installed yet. */
export async function startAppliance({ image, worker }: Site): Promise<Appliance> {
  await using resources = new AsyncDisposableStack();
  const broker = await sharedBroker();
  const proxy = resources.use(await startProxy(broker.port));
  const stack = resources.use(await startStack({ broker }));
  const container = resources.use(await startContainer(image));
  await container.copyIn(worker, "/root/worker");
  await container.write(INSTALLER, await container.do(["/root/worker", "print", "install.sh"]), 0o755);
  const url = new URL(stack.url);
  url.port = String(proxy.port);
  await container.write(URL_FILE, `${url}\n`, 0o600);
  return new Appliance(stack, proxy, container, url.password, resources.move());
}

/** See {@linkcode startAppliance}. */
export class Appliance implements AsyncDisposable {
  readonly service: Service;
  #messageId = 7212345678901234567n;
  readonly #resources: AsyncDisposableStack;

  constructor(
    readonly stack: Stack,
    /** The worker's way to the broker. */
    readonly brokerLink: Proxy,
    readonly container: Container,
    /** The broker's. */
    readonly password: string,
    resources: AsyncDisposableStack,
  ) {
    this.service = new Service(container);
    this.#resources = resources;
  }

  /** Runs `install.sh`, as an operator without a terminal. */
  async install(args: readonly string[] = []): Promise<CommandResult> {
    const { WORKER_ID = "", WHATSAPP_WEB_URL = "", WHATSAPP_ROOT_KEY = "" } = this.stack.environment;
    return await this.container.run([INSTALLER, "--yes", `--watch=${WATCH_S}`, ...args], {
      env: { WORKER_ID, WHATSAPP_WEB_URL, WHATSAPP_ROOT_KEY },
      timeoutMs: 120_000,
    });
  }

  /** The first installation, which must succeed. */
  async installFirst(): Promise<CommandResult> {
    const result = await this.install([`--rabbitmq-url-file=${URL_FILE}`, "/root/worker"]);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    return result;
  }

  /** Links the number's phone. */
  async pair(): Promise<void> {
    await pair(this.stack, { numberId: NUMBER_ID, phoneNumber: PHONE });
  }

  /** Waits until the worker reports that the number is connected, and checks that this took no QR. */
  async connectedAgain(): Promise<Received> {
    const connected = await this.stack.backend.next(
      ({ body }) => body.action === "connected" && body.numberId === NUMBER_ID,
      { timeoutMs: 60_000, describe: "connected" },
    );
    const qrs = this.stack.backend.received.filter(({ body }) => body.action === "qr_generated");
    assert.equal(qrs.length, 1, "the first QR is the only one");
    return connected;
  }

  /** Has the number send a text, the contact read it and answer, and the backend hear of all. */
  async exchangeMessages(): Promise<void> {
    const messageId = this.#messageId++;
    const { backend, standIn } = this.stack;
    const contact = standIn.contact(CONTACT);
    await backend.send({
      messageId,
      whatsappNumberId: NUMBER_ID,
      recipientNumber: `+${CONTACT}`,
      content: `text ${messageId}`,
      type: "TEXT",
      mediaUrl: null,
    });
    const message = await contact.next();
    assert.equal(message.text, `text ${messageId}`);
    await backend.next(({ body }) => body.messageId === messageId && body.status === "DELIVERED");
    await contact.sendText(PHONE, `answer to ${messageId}`);
    await backend.next(({ body }) => body.body === `answer to ${messageId}`);
  }

  /** Puts a setting into the settings file. */
  async set(key: string, value: string): Promise<void> {
    await this.container.do(["sed", "-i", `s|^\\(# \\)\\{0,1\\}${key}=.*|${key}=${value}|`, ENV_FILE]);
  }

  /** Runs the operators' command, as root or as somebody else; in root's home, which only root may enter. */
  async worker(args: readonly string[], user: string = "root"): Promise<CommandResult> {
    return await this.container.run(["env", "--chdir=/root", "runuser", "-u", user, "--", COMMAND, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
