/**
 * What it costs to verify the server, and what native curves save: raw Baileys, which verifies nothing, beside Baileys as
 * the worker uses it. WhatsApp is the stand-in, as a process of its own, whose time does not count.
 */

import { type Bench, guarded, inTime } from "./bench.ts";
import type { Cost, HandshakeCosts, HandshakeTask } from "./handshake_client.ts";
import type { Report } from "./report.ts";
import { median } from "./statistics.ts";

const SOCKETS = 50;
const ROUNDS = 2;
const FIRST_NUMBER = 221_700_000_000;

/** Measures linking, first and further logins of many sockets at once. */
export async function handshake(bench: Bench): Promise<Report> {
  const standIn = await startStandIn(bench);
  const raw: HandshakeCosts[] = [];
  const hardened: HandshakeCosts[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bench.say(`round ${round + 1} of ${ROUNDS}: ${SOCKETS} sockets`);
    const firstNumber = FIRST_NUMBER + round * 2 * SOCKETS;
    const { url, control, rootKeyHex } = standIn;
    raw.push(await runClient(bench, { url, control, sockets: SOCKETS, firstNumber }));
    const others = firstNumber + SOCKETS;
    hardened.push(
      await runClient(bench, { url, control, sockets: SOCKETS, firstNumber: others, rootKeyHex }),
    );
  }
  const row = (name: string, step: keyof HandshakeCosts) => {
    const middle = (runs: HandshakeCosts[], what: keyof Cost) => median(runs.map((run) => run[step][what]));
    const rawCpuMs = middle(raw, "cpuMs") / SOCKETS;
    const hardenedCpuMs = middle(hardened, "cpuMs") / SOCKETS;
    return [
      name,
      rawCpuMs,
      hardenedCpuMs,
      rawCpuMs / hardenedCpuMs,
      middle(raw, "wallMs") / 1000,
      middle(hardened, "wallMs") / 1000,
      middle(raw, "blockMs"),
      middle(hardened, "blockMs"),
    ];
  };
  return {
    subject: "handshake",
    tables: [{
      title: `${SOCKETS} sockets at once, raw Baileys beside one that verifies; the better of ${ROUNDS} runs`,
      columns: [
        { name: "" },
        { name: "raw CPU ms each", digits: 1 },
        { name: "verifying CPU ms each", digits: 1 },
        { name: "raw/verifying", digits: 1 },
        { name: "raw all s", digits: 1 },
        { name: "verifying all s", digits: 1 },
        { name: "raw worst block ms" },
        { name: "verifying worst block ms" },
      ],
      rows: [
        row("link a phone", "link"),
        row("first login, with 812 prekeys", "connect"),
        row("login", "reconnect"),
      ],
      notes: ["CPU of the process with the sockets; WhatsApp is the stand-in, in another one."],
    }],
  };
}

/** What the stand-in's program says of itself. */
interface StandInProgram {
  readonly url: string;
  readonly control: string;
  readonly rootKeyHex: string;
}

async function startStandIn(bench: Bench): Promise<StandInProgram> {
  const lines = start(bench, "../stand_in/main.ts").stdout
    .pipeThrough(new TextDecoderStream());
  const reader = lines.getReader();
  bench.resources.defer(() => reader.cancel());
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await inTime(reader.read(), "word of the stand-in");
    if (done) throw new Error("The stand-in has ended");
    text += value;
  }
  return JSON.parse(text.slice(0, text.indexOf("\n")));
}

async function runClient(bench: Bench, task: HandshakeTask): Promise<HandshakeCosts> {
  const { stdout, status } = start(bench, "handshake_client.ts", JSON.stringify(task));
  const text = await inTime(new Response(stdout).text(), "end of the sockets");
  if (!(await status).success) throw new Error("The sockets could not be measured");
  return JSON.parse(text);
}

function start(bench: Bench, file: string, ...args: string[]): Deno.ChildProcess {
  const path = new URL(file, import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", path, ...args],
    env: guarded(bench),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  bench.resources.defer(async () => {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
  });
  return child;
}
