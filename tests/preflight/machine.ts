/** The files of a machine as `--check` reads them, in a folder of its own; and a systemd in it that says what it is told. */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { decodeMessage, FIXED_HEADER_BYTES, lengthOf } from "../../src/preflight/dbus_wire.ts";
import { EMBEDDED_UNIT } from "../../src/preflight/service.ts";

/** A machine; hold it with `await using`. */
export class Machine implements AsyncDisposable {
  #systemd: Server | undefined;

  private constructor(readonly root: string) {}

  /** With the users root, alice and whatsapp-worker (whose group bob is not in). */
  static async make(): Promise<Machine> {
    const machine = new Machine(await Deno.makeTempDir({ prefix: "whatsapp-worker-machine-" }));
    await Deno.chmod(machine.root, 0o755);
    await machine.write(
      "etc/passwd",
      "root:x:0:0:root:/root:/bin/bash\nalice:x:4001:4001::/:/bin/sh\nwhatsapp-worker:x:4002:4002::/:/bin/false\n",
    );
    await machine.write(
      "etc/group",
      "root:x:0:\nalice:x:4001:\nwhatsapp-worker:x:4002:\nadm:x:4:whatsapp-worker\n",
    );
    return machine;
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(dirname(join(this.root, path)), { recursive: true });
    await Deno.writeTextFile(join(this.root, path), text);
  }

  installUnit(text: string = EMBEDDED_UNIT): Promise<void> {
    return this.write("etc/systemd/system/worker.service", text);
  }

  /** Makes a release and lets `current` lead to it. */
  async installRelease(hash: string): Promise<void> {
    await this.write(`opt/whatsapp-worker/releases/${hash}/worker`, "");
    await Deno.symlink(`releases/${hash}`, join(this.root, "opt/whatsapp-worker/current"));
  }

  /** systemd's own socket, which says this of any unit. */
  async startSystemd(properties: Record<string, Property>, script: Script = {}): Promise<void> {
    const path = join(this.root, "run/systemd/private");
    await Deno.mkdir(dirname(path), { recursive: true });
    this.#systemd = createServer((socket) => {
      answer(socket, properties, script).catch((error) => {
        // Whoever was refused hangs up.
        if (error.code !== "EPIPE") throw error;
      });
    }).listen(path);
    await once(this.#systemd, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#systemd?.close();
    await Deno.remove(this.root, { recursive: true });
  }
}

/** A value with its type on the wire: strings as such, numbers as uint32, bigints as uint64. */
export type Property = string | number | bigint | boolean | readonly string[];

/** Ways in which systemd does otherwise. */
export interface Script {
  /** Answers every call with this error. */
  readonly error?: string;
  /** Ends the login with this line. */
  readonly refusal?: string;
  /** Says nothing at all. */
  readonly isSilent?: boolean;
}

/** How much systemd reads at once while somebody logs in (sd-bus, seen in 252). */
const LOGIN_READ_BYTES = 256;

async function answer(socket: Socket, properties: Record<string, Property>, script: Script): Promise<void> {
  socket.on("error", () => socket.destroy());
  if (script.isSilent) return;
  let read = Buffer.alloc(0);
  let isLoggedIn = false;
  reading: for await (const chunk of socket) {
    read = Buffer.concat([read, chunk as Buffer]);
    const together = read.length;
    for (let end: number; !isLoggedIn && (end = read.indexOf("\r\n")) >= 0; read = read.subarray(end + 2)) {
      const line = read.toString("latin1", 0, end).replace("\0", "");
      if (line === "BEGIN") isLoggedIn = true;
      else socket.write(`${script.refusal ?? (line === "DATA" ? "OK 0123456789abcdef" : "DATA")}\r\n`);
      // What comes with the end of the login is not looked at before there is more than one read takes.
      if (isLoggedIn && together <= LOGIN_READ_BYTES) continue reading;
      // Busy with something else, so that it does come together.
      if (line === "DATA") await delay(20);
    }
    while (isLoggedIn && read.length >= FIXED_HEADER_BYTES && read.length >= lengthOf(read)) {
      const call = read.subarray(0, lengthOf(read));
      read = read.subarray(call.length);
      const serial = call.readUInt32LE(8);
      // Whoever reads signals for answers, or takes a piece for the whole, shows it here.
      const bytes = Buffer.concat([signal(), reply(serial, decodeMessage(call).body, properties, script)]);
      socket.write(bytes.subarray(0, 21));
      await delay(5);
      if (socket.writable) socket.write(bytes.subarray(21));
    }
  }
}

const signal = () =>
  message(4, [field(1, "o", "/"), field(2, "s", "a.b"), field(3, "s", "C")], Buffer.alloc(0));

function reply(
  serial: number,
  [kind]: readonly unknown[],
  all: Record<string, Property>,
  { error }: Script,
): Buffer {
  const replySerial = [5, ...variantHead("u"), ...uint32(serial)];
  if (error !== undefined) return message(3, [replySerial, field(4, "s", error)], Buffer.alloc(0));
  // Half of them belong to every unit, the others to services.
  const isUnit = kind === "org.freedesktop.systemd1.Unit";
  const some = Object.entries(all).filter((_, index) => (index % 2 === 0) === isUnit);
  const body = new Bytes();
  const items = new Bytes();
  for (const [name, value] of some) items.align(8).string(name).variant(value);
  body.uint32(items.list.length).align(8).list.push(...items.list);
  return message(2, [replySerial, field(8, "g", "a{sv}")], Buffer.from(body.list));
}

function message(type: number, fields: number[][], body: Buffer): Buffer {
  const all = new Bytes();
  for (const one of fields) all.align(8).list.push(...one);
  const head = new Bytes();
  head.list.push("l".charCodeAt(0), type, 0, 1, ...uint32(body.length), ...uint32(7));
  head.uint32(all.list.length).list.push(...all.list);
  return Buffer.concat([Buffer.from(head.align(8).list), body]);
}

/** A header field that begins at a multiple of 8. */
function field(code: number, type: string, value: string): number[] {
  const bytes = Buffer.from(value);
  const text = type === "g" ? [bytes.length, ...bytes, 0] : [...uint32(bytes.length), ...bytes, 0];
  return [code, ...variantHead(type), ...text];
}

const variantHead = (type: string) => [type.length, ...Buffer.from(type), 0];

const uint32 = (value: number) => [...Buffer.from(new Uint32Array([value]).buffer)];

/** Bytes that begin at a multiple of 8. */
class Bytes {
  readonly list: number[] = [];
  align(to: number): this {
    while (this.list.length % to !== 0) this.list.push(0);
    return this;
  }

  uint32(value: number): this {
    this.align(4).list.push(...uint32(value));
    return this;
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    this.uint32(bytes.length).list.push(...bytes, 0);
    return this;
  }

  variant(value: Property): this {
    if (typeof value === "string") return this.#type("s").string(value);
    if (typeof value === "number") return this.#type("u").uint32(value);
    if (typeof value === "boolean") return this.#type("b").uint32(Number(value));
    if (typeof value === "bigint") {
      this.#type("t").align(8).list.push(...Buffer.from(new BigUint64Array([value]).buffer));
      return this;
    }
    const items = new Bytes();
    for (const item of value) items.string(item);
    this.#type("as").uint32(items.list.length).list.push(...items.list);
    return this;
  }

  #type(type: string): this {
    this.list.push(...variantHead(type));
    return this;
  }
}
