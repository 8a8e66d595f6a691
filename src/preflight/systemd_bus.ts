/** Asks systemd about a unit over its sockets, as this program may not run `systemctl`. It is asked, never told. */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { messageOf } from "./check.ts";
import {
  decodeMessage,
  encodeCall,
  ERROR,
  FIXED_HEADER_BYTES,
  type Incoming,
  lengthOf,
  type MethodCall,
} from "./dbus_wire.ts";

const SYSTEMD = "org.freedesktop.systemd1";
/** No answer of systemd's is larger than some ten thousand bytes. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** What systemd says of a unit: its properties by name. 64-bit numbers are bigints. */
export type UnitProperties = Readonly<Record<string, unknown>>;

/** Where systemd listens, under `root`: for root itself, and for everybody by way of a message bus. */
const sockets = (root: string) => [
  { path: join(root, "run/systemd/private"), isBus: false },
  { path: join(root, "run/dbus/system_bus_socket"), isBus: true },
];

/** Nobody of systemd's could be asked. */
export class NoSystemd extends Error {
  override readonly name = "NoSystemd";
}

/**
 * The properties of `unit` (`worker.service`), of its kind as well as of every unit's. systemd has them for units that
 * do not exist, too: `LoadState` is `not-found` then.
 *
 * @throws {NoSystemd} when neither socket is there, may be opened or answers; the message says which
 */
export async function askSystemd(unit: string, root: string, signal: AbortSignal): Promise<UnitProperties> {
  const failures: string[] = [];
  for (const { path, isBus } of sockets(root)) {
    try {
      return await propertiesOf(unit, path, isBus, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      failures.push(`${path}: ${messageOf(error)}`);
    }
  }
  throw new NoSystemd(failures.join("; "));
}

async function propertiesOf(
  unit: string,
  path: string,
  isBus: boolean,
  signal: AbortSignal,
): Promise<UnitProperties> {
  const socket = connect({ path, signal });
  // Whoever reads is told as well.
  socket.on("error", () => {});
  try {
    const peer = new Peer(socket);
    await peer.logIn();
    if (isBus) await peer.call(HELLO);
    const answers = await peer.call(getAll(unit, "Unit"), getAll(unit, "Service"));
    return Object.assign({}, ...answers.map(([properties]) => properties));
  } finally {
    socket.destroy();
  }
}

const HELLO: MethodCall = {
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
  member: "Hello",
  destination: "org.freedesktop.DBus",
  parameters: [],
};

const getAll = (unit: string, kind: string): MethodCall => ({
  path: `/org/freedesktop/systemd1/unit/${escaped(unit)}`,
  interface: "org.freedesktop.DBus.Properties",
  member: "GetAll",
  destination: SYSTEMD,
  parameters: [`${SYSTEMD}.${kind}`],
});

/** `worker.service` → `worker_2eservice` */
const escaped = (name: string) =>
  name.replace(/[^A-Za-z0-9]/g, (letter) => `_${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** The other end of a connection. */
class Peer {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #read = Buffer.alloc(0);
  #serial = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** As the user this runs as: the socket itself tells the other side who that is. */
  async logIn(): Promise<void> {
    this.#socket.write("\0AUTH EXTERNAL\r\n");
    let answer = await this.#line();
    if (answer === "DATA") {
      this.#socket.write("DATA\r\n");
      answer = await this.#line();
    }
    if (!answer.startsWith("OK ")) throw new Error("does not let this user in");
    this.#socket.write("BEGIN\r\n");
  }

  /**
   * Calls all of it in one go: of what comes with the end of the login systemd reads 256 bytes, and looks at them only
   * when there is more. One call alone may never be answered.
   *
   * @returns what each of the methods returns
   * @throws {Error} when one is refused
   */
  async call(...calls: readonly MethodCall[]): Promise<(readonly unknown[])[]> {
    const sent = calls.map((call) => ({ call, serial: ++this.#serial }));
    this.#socket.write(Buffer.concat(sent.map(({ call, serial }) => encodeCall(serial, call))));
    const answers: (readonly unknown[])[] = [];
    for (const { call, serial } of sent) {
      let message: Incoming;
      // Signals come in between.
      do message = await this.#message(); while (message.replyTo !== serial);
      if (message.type === ERROR) throw new Error(`${call.member} is refused: ${message.errorName}`);
      answers.push(message.body);
    }
    return answers;
  }

  async #message(): Promise<Incoming> {
    const length = lengthOf(await this.#peek(FIXED_HEADER_BYTES));
    if (length > MAX_MESSAGE_BYTES) throw new Error("says what is no message of D-Bus");
    const message = await this.#peek(length);
    this.#read = this.#read.subarray(length);
    return decodeMessage(message);
  }

  async #line(): Promise<string> {
    let end: number;
    while ((end = this.#read.indexOf("\r\n")) < 0) await this.#peek(this.#read.length + 1);
    const line = this.#read.toString("latin1", 0, end);
    this.#read = this.#read.subarray(end + 2);
    return line;
  }

  async #peek(bytes: number): Promise<Buffer> {
    while (this.#read.length < bytes) {
      if (this.#read.length > MAX_MESSAGE_BYTES) throw new Error("says what is no message of D-Bus");
      const { done, value } = await this.#chunks.next();
      if (done) throw new Error("hung up");
      this.#read = Buffer.concat([this.#read, value]);
    }
    return this.#read.subarray(0, bytes);
  }
}
