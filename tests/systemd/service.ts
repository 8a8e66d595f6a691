/** `worker.service` in a container, as systemd and the journal tell about it. */

import { type Container, until } from "./container.ts";

/** What systemd says about a service. */
export interface ServiceState {
  /** `active`, `activating`, `failed`, … */
  active: string;
  /** `running`, `auto-restart`, … */
  sub: string;
  /** Why it ended: `success`, `exit-code`, `watchdog`, `start-limit-hit`, … */
  result: string;
  /** The main process, 0 when there is none. */
  pid: number;
  /** How often systemd has restarted it by itself since it was last started by hand. */
  restarts: number;
  /** What the main process ended with. */
  exitStatus: number;
  /** What it has to say for itself. */
  status: string;
  /** `enabled` when it is started at boot. */
  enabled: string;
}

/** A service of a container. */
export class Service {
  constructor(readonly container: Container, readonly name: string = "worker.service") {}

  /** Runs `systemctl` with an action on the service, which must succeed. @returns what it printed */
  async systemctl(action: string): Promise<string> {
    return await this.container.do(["systemctl", action, this.name, "--no-pager", "--full"]);
  }

  /** What systemd says about it now. */
  async state(): Promise<ServiceState> {
    const names = [
      "ActiveState",
      "SubState",
      "Result",
      "MainPID",
      "NRestarts",
      "ExecMainStatus",
      "StatusText",
      "UnitFileState",
    ];
    const shown = await this.container.do(["systemctl", "show", `--property=${names.join()}`, this.name]);
    const values = new Map(
      shown.trim().split("\n").map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)] as const;
      }),
    );
    const of = (name: string) => values.get(name) ?? "";
    return {
      active: of("ActiveState"),
      sub: of("SubState"),
      result: of("Result"),
      pid: Number(of("MainPID")),
      restarts: Number(of("NRestarts")),
      exitStatus: Number(of("ExecMainStatus")),
      status: of("StatusText"),
      enabled: of("UnitFileState"),
    };
  }

  /** Waits until it is in such a state. @throws {Error} with the state it is in instead, and the end of its journal */
  async becomes(
    what: string,
    isSo: (state: ServiceState) => boolean,
    timeoutMs: number = 30_000,
  ): Promise<ServiceState> {
    let state = await this.state();
    try {
      await until(what, async () => isSo(state = await this.state()), timeoutMs);
    } catch (error) {
      const journal = (await this.journal()).slice(-20).join("\n");
      throw new Error(`${this.name} is ${JSON.stringify(state)} and has logged:\n${journal}`, {
        cause: error,
      });
    }
    return state;
  }

  /**
   * The lines in the journal, systemd's own about the service too.
   *
   * @param since @default the first boot
   * @param priority as `journalctl --priority` takes it @default all of them
   */
  async journal(since?: JournalMoment, priority: string = "debug"): Promise<string[]> {
    const args = ["--no-pager", "--output=cat", `--unit=${this.name}`, `--priority=${priority}`];
    if (since) args.push(`--after-cursor=${since.cursor}`);
    return (await this.container.do(["journalctl", ...args])).split("\n").filter(Boolean);
  }

  /** Waits until a line has been written since a moment. @throws {Error} with what was written instead */
  async logs(line: RegExp, since: JournalMoment, timeoutMs: number = 20_000): Promise<void> {
    let journal: string[] = [];
    try {
      await until(`${line} in the journal`, async () => {
        journal = await this.journal(since);
        return journal.some((text) => line.test(text));
      }, timeoutMs);
    } catch (error) {
      throw new Error(`Not ${line} but:\n${journal.join("\n")}`, { cause: error });
    }
  }

  /** This moment, for {@linkcode Service.journal}. */
  async now(): Promise<JournalMoment> {
    const shown = await this.container.do(["journalctl", "--lines=1", "--output=export", "--no-pager"]);
    const cursor = /^__CURSOR=(.*)$/m.exec(shown)?.[1];
    if (cursor === undefined) throw new Error(`The journal has no cursor: ${shown}`);
    return { cursor };
  }

  /** Sends a signal to the main process. */
  async kill(signal: "KILL" | "STOP" | "CONT" | "TERM"): Promise<void> {
    await this.container.do(["systemctl", "kill", "--kill-whom=main", `--signal=${signal}`, this.name]);
  }
}

/** A place in the journal. */
export interface JournalMoment {
  readonly cursor: string;
}
