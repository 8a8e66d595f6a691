import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, event, FRIEND, type Line, line, sendText } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { assertFlat, type Footprint, footprintOf, minutePasses, WATCHED } from "./footprint.ts";

const broker = await sharedBroker();

/** `CONNECT_CYCLES=1000` for the long run. */
const CYCLES = Number(Deno.env.get("CONNECT_CYCLES") ?? 30);
const PATIENCE_MS = 60_000;

/** One way for a connection to end and the next one to come, and the number it is done to. */
interface Cycle {
  readonly line: Line;
  readonly prepare: (stack: Stack, line: Line) => Promise<unknown>;
  readonly turn: (stack: Stack, line: Line) => Promise<unknown>;
}

const CYCLE_OF: Readonly<Record<string, Omit<Cycle, "line">>> = {
  "closed and reconnected by command": {
    prepare: pair,
    turn: async (stack, line) => {
      await stack.backend.command({ action: "close", numberId: line.numberId });
      await event(stack, line, "closed");
      await stack.backend.command({ action: "reconnect", numberId: line.numberId });
      await comesBack(stack, line);
    },
  },
  "link cut": {
    prepare: pair,
    turn: async (stack, line) => {
      stack.standIn.faults.dropLinks(line.phoneNumber);
      await comesBack(stack, line);
    },
  },
  "closed by the server": {
    prepare: pair,
    turn: async (stack, line) => {
      stack.standIn.faults.closeWith(503, line.phoneNumber);
      await comesBack(stack, line);
    },
  },
  "restarted by the server": {
    prepare: pair,
    turn: async (stack, line) => {
      stack.standIn.faults.closeWith(515, line.phoneNumber);
      await comesBack(stack, line);
    },
  },
  "a fresh QR that nobody scans": {
    prepare: async (stack, { numberId, phoneNumber }) => {
      await stack.backend.command({ action: "create", numberId, phoneNumber });
      await event(stack, { numberId, phoneNumber }, "qr_generated");
    },
    turn: async (stack, line) => {
      await stack.backend.command({ action: "regenerate_qr", numberId: line.numberId });
      await event(stack, line, "qr_generated");
    },
  },
  "linked and logged out": {
    prepare: async () => {},
    turn: async (stack, line) => {
      await pair(stack, line);
      await stack.backend.command({ action: "logout", numberId: line.numberId });
      await event(stack, line, "logged_out");
    },
  },
};

Deno.test(`${CYCLES} connections that come and go leave memory and handles as they were`, async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  const program = stack.startProgram({}, WATCHED);
  await program.printed("the worker is ready", PATIENCE_MS);
  stack.standIn.contact(FRIEND);
  const cycles = Object.values(CYCLE_OF).map((cycle, index) => ({ ...cycle, line: line(index + 1) }));
  for (const { prepare, line } of cycles) await prepare(stack, line);

  const footprints: Footprint[] = [];
  while (footprints.length * cycles.length < CYCLES) {
    await minutePasses(program);
    await Promise.all(cycles.map(({ turn, line }) => turn(stack, line)));
    footprints.push(await footprintOf(program));
  }
  console.log(assertFlat(footprints));
});

/** It is connected again, and messages go out and come in. */
async function comesBack(stack: Stack, line: Line): Promise<void> {
  await event(stack, line, "connected");
  const sent = await sendText(stack, line, undefined, "text");
  await answer(stack, sent, "SENT");
  const messageId = await stack.standIn.contact(FRIEND).sendText(line.phoneNumber, "text");
  await event(stack, line, "message_received", { messageId });
}
