/** Does the faults. */

import { setTimeout as delay } from "node:timers/promises";
import type { Deployment } from "./deployment.ts";
import type { FaultFact } from "./facts.ts";
import { type Fault, partOf } from "./fault_schedule.ts";
import { wordFault } from "./wording.ts";

/** What makes a broker block publishers, and what it is set to otherwise. */
const NO_MEMORY = ["absolute", "1MB"];
const ENOUGH_MEMORY = ["0.4"];

/** Breaks parts of a deployment, and mends each before it breaks it again. */
export class Tormentor {
  /** What was really done. */
  readonly done: FaultFact[] = [];
  /** Times something happened that could not be done: a fault of the torture's own. */
  readonly failures: string[] = [];
  readonly #deployment: Deployment;
  readonly #signal: AbortSignal;
  /** On a slow machine a part may still be on its way back when its next fault is due: that one waits. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(deployment: Deployment, signal: AbortSignal) {
    this.#deployment = deployment;
    this.#signal = signal;
  }

  /** Does a fault once its part is free. */
  strike(fault: Fault): void {
    const part = partOf(fault);
    const done = (this.#tails.get(part) ?? Promise.resolve()).then(async () => {
      const text = wordFault(fault);
      const fromMs = Date.now();
      try {
        await this.#strike(fault);
      } catch (error) {
        if (this.#signal.aborted) return;
        this.failures.push(`${text}: ${(error as Error).message}`);
      }
      this.done.push({ text, fromMs, toMs: Date.now() });
    });
    this.#tails.set(part, done);
  }

  /** Resolves when every part is whole again. */
  async calm(): Promise<void> {
    await Promise.all(this.#tails.values());
    this.#deployment.standIn.faults.clear();
  }

  async #strike(fault: Fault): Promise<void> {
    const { broker, standIn, posts } = this.#deployment;
    const { faults } = standIn;
    const { worker, link } = "worker" in fault ? posts.get(fault.worker)! : { worker: null!, link: null! };
    switch (fault.kind) {
      case "worker_kill9":
        await worker.kill9();
        await this.#pause(fault.downMs);
        return worker.start();
      case "worker_terminate":
        await worker.terminate();
        await this.#pause(fault.downMs);
        return worker.start();
      case "worker_freeze":
        worker.freeze();
        await this.#pause(fault.forMs);
        return worker.thaw();
      case "broker_kill9":
        await broker.kill9();
        await this.#pause(fault.downMs);
        return await broker.boot();
      case "broker_stop":
        await broker.halt();
        await this.#pause(fault.downMs);
        return await broker.boot();
      case "broker_freeze":
        broker.pause();
        await this.#pause(fault.forMs);
        return broker.resume();
      case "broker_memory_alarm":
        await broker.ctl("set_vm_memory_high_watermark", ...NO_MEMORY);
        await this.#pause(fault.forMs);
        return void await broker.ctl("set_vm_memory_high_watermark", ...ENOUGH_MEMORY);
      case "broker_close_connections":
        return void await broker.ctl("close_all_connections", "torture");
      case "link_drop":
        return link.drop();
      case "link_reset":
        return link.reset();
      case "link_black_hole":
        link.blackhole(fault.direction);
        await this.#pause(fault.forMs);
        return link.restore();
      case "whatsapp_drop":
        return faults.dropLinks(fault.number);
      case "whatsapp_close":
        return faults.closeWith(fault.code, fault.number);
      case "whatsapp_ack_delay":
        faults.ackDelayMs = fault.delayMs;
        await this.#pause(fault.forMs);
        return void (faults.ackDelayMs = 0);
      case "whatsapp_lost_acks":
        faults.dropAcks = true;
        await this.#pause(fault.forMs);
        return void (faults.dropAcks = false);
    }
  }

  async #pause(forMs: number): Promise<void> {
    await delay(forMs, undefined, { signal: this.#signal });
  }
}
