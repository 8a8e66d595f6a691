/** `worker session …`. */
import type { CommandGroup } from "./command.ts";
import { deleteSession } from "./session_delete.ts";
import { listSessions, showSession } from "./session_view.ts";
import { unpinSession } from "./session_unpin.ts";

const HELP = `worker session: numbers, what this worker has of them, and the workers they belong to

Usage: worker session list
       worker session show   NUMBER
       worker session delete NUMBER [--yes]
       worker session unpin  NUMBER --worker LOST_WORKER_ID [--yes]

  list       one line for each number of this worker, phone numbers masked. It is read from SESSION_DIR, also beside
             the worker that runs there: what the disk knows, not whether a socket is open ('status' asks that)
  show       everything of one but its secrets: device, keys, what could not be read, sends, what waits to be told
  delete     forgets the session and its credentials, while the worker is stopped. The next start removes its queue,
             answers its waiting sends FAILED no_session, and tells the backend logged_out. The phone still lists the
             device: 'logout', sent to a worker that runs, unlinks it as well
  unpin      frees the number of a worker that is lost for good, e.g. because its machine died with its disk. Sends
             that wait for the number are answered FAILED no_session, commands for it go to the other workers, and
             'create' opens it on another one, with a new QR

  NUMBER         the backend's numberId, e.g. 6; not the phone number
  --worker W     the WORKER_ID of the lost worker, e.g. worker-1: AMQP cannot tell whose a number is
  --yes          do not ask first
  --json         for machines
  --env-file F   read the settings from F (default: ./.env, or /etc/whatsapp-worker/worker.env)

Never unpin a number of a worker that comes back: it still has the credentials, takes the number again when nobody else
has it by then, and WhatsApp lets only one of two be connected. A worker that runs is told by 'logout' instead.
Interrupted, delete and unpin are given again and go on where they were.

Exit codes: 0 done or nothing to do, 64 wrong usage, 66 no such session, 69 broker out of reach, 73 the database cannot
be read, 75 the number or the state folder is in use, or the number belongs to another worker than the one named,
78 configuration wrong.
`;

/** `worker session …`. */
export const SESSION: CommandGroup = {
  name: "session",
  help: HELP,
  commands: [listSessions, showSession, deleteSession, unpinSession],
};
