/** Messages of D-Bus as they go over a socket: as much of the format as it takes to ask a service for its properties. */
import { Buffer } from "node:buffer";

/** What is called, where. */
export interface MethodCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly destination: string;
  /** Strings are all that is passed here. */
  readonly parameters: readonly string[];
}

/** A message that came. */
export interface Incoming {
  readonly type: number;
  /** Which call it answers; `undefined` for signals. */
  readonly replyTo: number | undefined;
  /** Of an error: `org.freedesktop.DBus.Error.AccessDenied`. */
  readonly errorName: string | undefined;
  readonly body: readonly unknown[];
}

const METHOD_CALL = 1;
/** The type of an {@link Incoming} that refuses a call. */
export const ERROR = 3;

const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
};

/** Bytes of a message before its header fields: what is needed to know how long it is. */
export const FIXED_HEADER_BYTES = 16;

/** @see https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages */
export function encodeCall(serial: number, call: MethodCall): Buffer {
  const body = new Writer();
  for (const parameter of call.parameters) body.string(parameter);
  const fields = new Writer();
  const field = (code: number, type: string, value: string) => {
    fields.align(8).byte(code).signature(type);
    if (type === "g") fields.signature(value);
    else fields.string(value);
  };
  field(FIELD.path, "o", call.path);
  field(FIELD.interface, "s", call.interface);
  field(FIELD.member, "s", call.member);
  field(FIELD.destination, "s", call.destination);
  if (call.parameters.length > 0) field(FIELD.signature, "g", "s".repeat(call.parameters.length));
  const head = new Writer();
  head.byte("l".charCodeAt(0)).byte(METHOD_CALL).byte(0).byte(1);
  head.uint32(body.length).uint32(serial).uint32(fields.length).bytes(fields.done()).align(8);
  return Buffer.concat([head.done(), body.done()]);
}

/** How long a message is in all, of its first {@link FIXED_HEADER_BYTES}. */
export function lengthOf(head: Buffer): number {
  const reader = new Reader(head);
  reader.skip(4);
  const body = reader.uint32();
  reader.skip(4);
  const fields = reader.uint32();
  return FIXED_HEADER_BYTES + Math.ceil(fields / 8) * 8 + body;
}

/** Reads a whole message. @throws {RangeError} when it ends too early, {@link TypeError} for a type nobody knows */
export function decodeMessage(message: Buffer): Incoming {
  const reader = new Reader(message);
  reader.skip(1);
  const type = reader.byte();
  reader.skip(10);
  const fields = new Map(reader.value("a(yv)") as [number, unknown][]);
  reader.align(8);
  const signature = String(fields.get(FIELD.signature) ?? "");
  const replyTo = fields.get(FIELD.replySerial), errorName = fields.get(FIELD.errorName);
  return {
    type,
    replyTo: typeof replyTo === "number" ? replyTo : undefined,
    errorName: typeof errorName === "string" ? errorName : undefined,
    body: completeTypes(signature).map((one) => reader.value(one)),
  };
}

/** Little-endian. */
class Writer {
  readonly #parts: number[] = [];

  get length(): number {
    return this.#parts.length;
  }

  byte(value: number): this {
    this.#parts.push(value);
    return this;
  }

  bytes(values: Iterable<number>): this {
    this.#parts.push(...values);
    return this;
  }

  align(to: number): this {
    while (this.length % to !== 0) this.byte(0);
    return this;
  }

  uint32(value: number): this {
    this.align(4);
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
    return this;
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    return this.uint32(bytes.length).bytes(bytes).byte(0);
  }

  signature(text: string): this {
    return this.byte(text.length).bytes(Buffer.from(text)).byte(0);
  }

  done(): Buffer {
    return Buffer.from(this.#parts);
  }
}

/** In the order of bytes that the message says it has. */
class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = bytes[0] === "l".charCodeAt(0);
  }

  skip(count: number): void {
    this.#at += count;
  }

  align(to: number): void {
    this.#at = Math.ceil(this.#at / to) * to;
  }

  byte(): number {
    return this.#view.getUint8(this.#at++);
  }

  uint32(): number {
    return this.#number(4, (at) => this.#view.getUint32(at, this.#little));
  }

  /** One complete type. 64 bits become a bigint, a dictionary an object, a variant what it holds. */
  value(type: string): unknown {
    switch (type[0]) {
      case "y":
        return this.byte();
      case "b":
        return this.uint32() !== 0;
      case "n":
        return this.#number(2, (at) => this.#view.getInt16(at, this.#little));
      case "q":
        return this.#number(2, (at) => this.#view.getUint16(at, this.#little));
      case "i":
        return this.#number(4, (at) => this.#view.getInt32(at, this.#little));
      case "u":
      case "h":
        return this.uint32();
      case "x":
        return this.#number(8, (at) => this.#view.getBigInt64(at, this.#little));
      case "t":
        return this.#number(8, (at) => this.#view.getBigUint64(at, this.#little));
      case "d":
        return this.#number(8, (at) => this.#view.getFloat64(at, this.#little));
      case "s":
      case "o":
        return this.#text(this.uint32());
      case "g":
        return this.#text(this.byte());
      case "v":
        return this.value(this.#text(this.byte()));
      case "(":
      case "{":
        this.align(8);
        return completeTypes(type.slice(1, -1)).map((one) => this.value(one));
      case "a":
        return this.#array(type.slice(1));
    }
    throw new TypeError(`Unknown type '${type}' in a message of D-Bus`);
  }

  #array(type: string): unknown {
    const length = this.uint32();
    this.align(/^[({xtd]/.test(type) ? 8 : 1);
    const end = this.#at + length;
    const items: unknown[] = [];
    while (this.#at < end) {
      const before = this.#at;
      items.push(this.value(type));
      // A structure of nothing, which only a signature that is wrong has, would be read for ever.
      if (this.#at === before) throw new TypeError(`Array of nothing ('${type}') in a message of D-Bus`);
    }
    return type.startsWith("{") ? Object.fromEntries(items as [string, unknown][]) : items;
  }

  #number<T>(bytes: number, read: (at: number) => T): T {
    this.align(bytes);
    const value = read(this.#at);
    this.#at += bytes;
    return value;
  }

  #text(bytes: number): string {
    if (this.#at + bytes >= this.#bytes.length) throw new RangeError("A message of D-Bus ends too early");
    const text = this.#bytes.toString("utf8", this.#at, this.#at + bytes);
    this.#at += bytes + 1;
    return text;
  }
}

/** Splits a signature: `sa{sv}u` → `s`, `a{sv}`, `u`. */
function completeTypes(signature: string): string[] {
  const types: string[] = [];
  let at = 0;
  while (at < signature.length) {
    const startedAt = at;
    while (signature[at] === "a") at++;
    let depth = 0;
    do {
      if ("({".includes(signature[at] ?? "")) depth++;
      if (")}".includes(signature[at] ?? "")) depth--;
      at++;
    } while (depth > 0 && at < signature.length);
    types.push(signature.slice(startedAt, at));
  }
  return types;
}
