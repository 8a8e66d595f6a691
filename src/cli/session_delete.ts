/** `worker session delete`: forgets a session while its worker is stopped. */
import { Announcer } from "../announcer.ts";
import type { Settings } from "../config/load.ts";
import { maskPhone } from "../contract/addresses.ts";
import { EXIT } from "../exit_codes.ts";
import { Database, isFolderLocked, StoreError } from "../store/database.ts";
import type { SessionDetails } from "../store/session_look.ts";
import { makeStore } from "../store/store.ts";
import type { Command, Invocation } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { mustBeAble, numberOf } from "./session_number.ts";
import { mustBeThere } from "./session_view.ts";
import { visible, visibleJson } from "./terminal.ts";

/** `worker session delete`. */
export const deleteSession: Command = {
  name: "session delete",
  usage: "NUMBER [--yes]",
  operands: [1, 1],
  options: ["env-file", "json", "yes"],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { settings, options, terminal } = invocation;
  const numberId = numberOf(invocation);
  mustBeAble(invocation, "session delete");
  const session = mustBeThere(settings.SESSION_DIR, numberId);
  if (await isFolderLocked(settings.SESSION_DIR)) throw inUse(settings);
  if (!options.yes && !terminal.confirm?.(questionFor(session))) {
    terminal.tell("Nothing was changed");
    return EXIT.OK;
  }
  if (session.atStart !== "forget" || session.device !== "none") await forget(settings, numberId);
  terminal.print(
    options.json
      ? visibleJson(JSON.stringify({ numberId, deleted: true, device: session.device }))
      : render(session),
  );
  return EXIT.OK;
}

/** The session ends as by a logout: the next start does what is left to do on the broker. */
async function forget(settings: Settings, numberId: string): Promise<void> {
  const database = await Database.open(settings.SESSION_DIR).catch((error) => {
    // Started after it was looked for.
    if (error instanceof StoreError && error.code === "state_locked") throw inUse(settings);
    if (error instanceof StoreError) throw new CommandError(error.message, error.remedy, EXIT.CANTCREAT);
    throw error;
  });
  try {
    const store = makeStore(database, Date.now);
    const announcer = new Announcer({
      store,
      queues: {
        sessionEvent: settings.QUEUE_SESSION_EVENT,
        messageReceive: settings.QUEUE_MESSAGE_RECEIVE,
        messageStatus: settings.QUEUE_MESSAGE_STATUS,
        numberHealth: settings.QUEUE_NUMBER_HEALTH,
      },
      workerId: settings.WORKER_ID,
      now: Date.now,
      newId: () => crypto.randomUUID(),
      onNews: () => {},
    });
    const record = (await store.sessions.all()).find((record) => record.numberId === numberId);
    await announcer.commit([
      ...store.credentials.forgetting(numberId),
      ...store.media.forgetting(numberId),
      ...store.sessions.ending(numberId),
      ...(record === undefined || record.atStart === "forget" ? [] : announcer.session(
        { ...record, commandId: undefined },
        { action: "logged_out", reason: "deleted" },
      )),
    ], { patient: false });
  } catch (error) {
    if (error instanceof StoreError) throw new CommandError(error.message, error.remedy, EXIT.CANTCREAT);
    throw error;
  } finally {
    database.close();
  }
}

function inUse({ SESSION_DIR }: Settings): CommandError {
  return new CommandError(
    `A worker runs on '${visible(SESSION_DIR)}': its sessions are its own`,
    "Send the action 'logout' for the number, which unlinks it as well; or stop the worker, then give the command again",
    EXIT.TEMPFAIL,
  );
}

function questionFor({ numberId, phoneNumber, device, outbox }: SessionDetails): string {
  return [
    `Number ${numberId}, ${maskPhone(`+${phoneNumber}`)}:`,
    device === "linked"
      ? "  its credentials will be gone for good: to use it again, somebody has to scan a QR"
      : device === "unreadable"
      ? "  its damaged credentials will be gone for good"
      : "  it has no credentials",
    ...(outbox > 0 ? [`  ${outbox} events about it still wait for the broker, and are kept`] : []),
    "Forget it?",
  ].join("\n");
}

function render({ numberId, device }: SessionDetails): string {
  return [
    `Number ${numberId} is forgotten here. The next start of the worker removes its queue, answers what waits in it, and`,
    "tells the backend logged_out.",
    ...(device === "linked"
      ? ["The phone still lists the device: remove it there under Linked devices"]
      : []),
  ].join("\n");
}
