/** How a session gets into each situation of the table, several numbers at once. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "../../src/worker.ts";
import type { Stack } from "../stack.ts";
import type { Situation } from "./commands_by_state.ts";
import { event, type Line, stateOf } from "./steps.ts";

/** Where a situation is reached. */
export interface Scene {
  readonly stack: Stack;
  readonly lines: readonly Line[];
  /** The worker that runs; a situation that needs a restart puts another one here. */
  worker: Worker;
}

/** Commands are carried out one at a time: each number is waited for in its turn, with a patience of its own. */
async function inTurn({ lines }: Scene, wait: (line: Line) => Promise<unknown>): Promise<void> {
  for (const line of lines) await wait(line);
}

async function each(scene: Scene, action: string, answered?: string): Promise<void> {
  await inTurn(scene, (line) => scene.stack.backend.command({ action, ...line }));
  if (answered !== undefined) await told(scene, answered);
}

async function told(scene: Scene, action: string): Promise<void> {
  await inTurn(scene, (line) => event(scene.stack, line, action));
}

async function allIn(scene: Scene, state: string): Promise<void> {
  await inTurn(scene, async (line) => {
    while ((await stateOf(scene.stack, line)).state !== state);
  });
}

/** @param meanwhile what happens when all QRs are out and none is scanned yet */
async function scanned(scene: Scene, meanwhile = () => {}): Promise<void> {
  await each(scene, "create");
  const qrs = new Map<Line, string>();
  await inTurn(scene, async (line) => {
    const { body } = await event(scene.stack, line, "qr_generated");
    qrs.set(line, String(body.qrCode));
  });
  meanwhile();
  await inTurn(scene, (line) => scene.stack.standIn.phone(line.phoneNumber).scanPng(qrs.get(line)!));
}

async function paired(scene: Scene): Promise<void> {
  await scanned(scene);
  await told(scene, "connected");
}

/** Damages the stored credentials of all numbers while no worker runs. */
async function damage(scene: Scene): Promise<void> {
  await scene.worker.stop();
  using database = new DatabaseSync(join(scene.stack.environment.SESSION_DIR!, "worker.db"));
  database.exec("UPDATE credential SET value = '{' WHERE type = 'creds'");
}

async function closedWith(scene: Scene, code: number, action: string): Promise<void> {
  await paired(scene);
  scene.stack.standIn.faults.closeWith(code);
  await told(scene, action);
}

export const REACH: Record<Situation, (scene: Scene) => Promise<void>> = {
  "no session": () => Promise.resolve(),
  "closed, never linked": async (scene) => {
    await each(scene, "create", "qr_generated");
    await each(scene, "close", "closed");
  },
  "closed, linked": async (scene) => {
    await paired(scene);
    await each(scene, "close", "closed");
  },
  "connecting to pair": async (scene) => {
    scene.stack.standIn.faults.hold();
    await each(scene, "create");
    await allIn(scene, "connecting");
  },
  "connecting to log in": async (scene) => {
    await paired(scene);
    await each(scene, "close", "closed");
    scene.stack.standIn.faults.hold();
    await each(scene, "create");
    await allIn(scene, "connecting");
  },
  "connecting after the scan": async (scene) => {
    await scanned(scene, () => scene.stack.standIn.faults.hold());
    await allIn(scene, "connecting");
  },
  "a QR is out": (scene) => each(scene, "create", "qr_generated"),
  "a pairing code is out": (scene) => each(scene, "pairing_code", "pairing_code"),
  "connected": paired,
  "link lost before the scan": async (scene) => {
    await each(scene, "create", "qr_generated");
    scene.stack.standIn.faults.hold();
    scene.stack.standIn.faults.dropLinks();
    await told(scene, "disconnected");
  },
  "link lost, linked": async (scene) => {
    await paired(scene);
    scene.stack.standIn.faults.hold();
    scene.stack.standIn.faults.dropLinks();
    await told(scene, "disconnected");
  },
  "replaced": (scene) => closedWith(scene, 440, "disconnected"),
  "banned": (scene) => closedWith(scene, 403, "logged_out"),
  "credentials unreadable": async (scene) => {
    await paired(scene);
    await damage(scene);
    scene.worker = await scene.stack.startWorker();
    await told(scene, "error");
  },
  "a logout waits for a connection": async (scene) => {
    await paired(scene);
    await each(scene, "close", "closed");
    scene.stack.standIn.faults.hold();
    await each(scene, "logout");
    await allIn(scene, "connecting");
  },
  "a logout was sent just before": async (scene) => {
    await paired(scene);
    await each(scene, "logout");
  },
};
