/** How a session gets into each situation of the table, several numbers at once. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "../../src/worker.ts";
import type { Stack } from "../stack.ts";
import type { Situation } from "./commands_by_state.ts";
import { event, type Line, pairAll, stateOf } from "./steps.ts";

/** Where a situation is reached. */
export interface Scene {
  readonly stack: Stack;
  readonly lines: readonly Line[];
  /** The worker that runs; a situation that needs a restart puts another one here. */
  worker: Worker;
}

/** Every command one number each, and what they answer. */
async function each(
  { stack, lines }: Scene,
  action: string,
  answered?: string,
): Promise<void> {
  for (const line of lines) await stack.backend.command({ action, ...line });
  if (answered !== undefined) await Promise.all(lines.map((line) => event(stack, line, answered)));
}

async function allIn({ stack, lines }: Scene, state: string): Promise<void> {
  await Promise.all(lines.map(async (line) => {
    while ((await stateOf(stack, line)).state !== state);
  }));
}

/** Damages the stored credentials of all numbers while no worker runs. */
async function damage(scene: Scene): Promise<void> {
  await scene.worker.stop();
  using database = new DatabaseSync(join(scene.stack.environment.SESSION_DIR!, "worker.db"));
  database.exec("UPDATE credential SET value = '{' WHERE type = 'creds'");
}

const paired = ({ stack, lines }: Scene) => pairAll(stack, lines);

async function closedWith(scene: Scene, code: number, told: string): Promise<void> {
  await paired(scene);
  scene.stack.standIn.faults.closeWith(code);
  await Promise.all(scene.lines.map((line) => event(scene.stack, line, told)));
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
    const { stack: { standIn }, lines } = scene;
    await each(scene, "create");
    const qrs = await Promise.all(lines.map((line) => event(scene.stack, line, "qr_generated")));
    standIn.faults.hold();
    await Promise.all(
      qrs.map(({ body }, index) => standIn.phone(lines[index]!.phoneNumber).scanPng(String(body.qrCode))),
    );
    await allIn(scene, "connecting");
  },
  "a QR is out": (scene) => each(scene, "create", "qr_generated"),
  "a pairing code is out": (scene) => each(scene, "pairing_code", "pairing_code"),
  "connected": paired,
  "link lost before the scan": async (scene) => {
    await each(scene, "create", "qr_generated");
    scene.stack.standIn.faults.hold();
    scene.stack.standIn.faults.dropLinks();
    await Promise.all(scene.lines.map((line) => event(scene.stack, line, "disconnected")));
  },
  "link lost, linked": async (scene) => {
    await paired(scene);
    scene.stack.standIn.faults.hold();
    scene.stack.standIn.faults.dropLinks();
    await Promise.all(scene.lines.map((line) => event(scene.stack, line, "disconnected")));
  },
  "replaced": (scene) => closedWith(scene, 440, "disconnected"),
  "banned": (scene) => closedWith(scene, 403, "logged_out"),
  "credentials unreadable": async (scene) => {
    await paired(scene);
    await damage(scene);
    scene.worker = await scene.stack.startWorker();
    await Promise.all(scene.lines.map((line) => event(scene.stack, line, "error")));
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
