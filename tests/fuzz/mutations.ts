/** Commands with something wrong in them, the same for the same seed. */

import { Buffer } from "node:buffer";
import { isRecord, stringifyJson } from "../../src/contract/json.ts";
import { CHAT_ACTION_TYPES, MESSAGE_FIELDS, MESSAGE_TYPES } from "../../src/contract/messages.ts";
import type { Random } from "../torture/random.ts";
import type { Body } from "./corpus.ts";

const NAMES = [
  "action",
  "data",
  "sessionId",
  "timestamp",
  "__proto__",
  "constructor",
  "",
  ...Object.values(MESSAGE_FIELDS).flat().flatMap((name) => name.split(".")),
];
const TEXTS = [
  "",
  " ",
  "\0",
  "null",
  "\u202e\u2066\ufeff",
  "\ud800",
  "👩‍👩‍👧‍👦".repeat(20),
  "é".repeat(3_000),
  "../../etc/passwd",
  "' OR 1=1 --",
  "${jndi:ldap://[::1]/a}",
  "http://[::1]:1/a",
  "data:image/png;base64,iVBORw0KGgo=",
  "120363000000000001@g.us",
  "221779999999@s.whatsapp.net",
  "3EB0123456789ABCDEF0",
  "1733396400000",
  "true",
  ...MESSAGE_TYPES,
  ...CHAT_ACTION_TYPES,
];
/** Nobody is asked but this machine, whatever bit of the address is turned over. */
const FAR_HOST = /https?:\/\/[a-z.]*example\.com/gi;
const NUMBERS = [0, -0, -1, 1.5, 1e21, 2 ** 53, 7212345678901234567n, 2n ** 64n, 10n ** 300n, 255, 256];

/** Bytes made of `body` by a handful of changes to it, or to its text. */
export function mutated(random: Random, body: Body, others: readonly Body[]): Buffer {
  const changed = structuredClone(body);
  for (let count = random.skewed(0, 4); count > 0; count--) change(random, changed, others);
  return damaged(random, random.chance(0.1) ? { data: changed } : changed);
}

/** One change somewhere in an object. */
function change(random: Random, body: Body, others: readonly Body[]): void {
  const place = placeIn(random, body);
  const names = Object.keys(place);
  const name = names.length > 0 && random.chance(0.8) ? random.pick(names) : random.pick(NAMES);
  switch (random.integer(0, 6)) {
    case 0:
      delete place[name];
      return;
    case 1:
      set(place, random.pick(NAMES), place[name]);
      return;
    case 2: {
      const other = random.pick(others);
      const taken = random.pick([...Object.keys(other), "type"]);
      set(place, taken, structuredClone(other[taken]));
      return;
    }
    case 3:
      set(place, name, [place[name]]);
      return;
    case 4:
      set(place, name, { [random.pick(NAMES)]: place[name] });
      return;
    default:
      set(place, name, strange(random));
  }
}

/** An object in an object, or itself. */
function placeIn(random: Random, body: Body): Body {
  const inner = Object.values(body).filter(isRecord);
  return inner.length > 0 && random.chance(0.4) ? placeIn(random, random.pick(inner)) : body;
}

/** `__proto__` is a name like any other. */
function set(place: Body, name: string, value: unknown): void {
  Object.defineProperty(place, name, { value, enumerable: true, configurable: true, writable: true });
}

function strange(random: Random): unknown {
  const depth = random.skewed(1, 200);
  return random.pick<() => unknown>([
    () => null,
    () => random.chance(0.5),
    () => random.pick(NUMBERS),
    () => random.pick(TEXTS),
    () => random.pick(TEXTS).repeat(random.skewed(1, 50)),
    () => Array.from({ length: random.skewed(0, 300) }, () => random.pick(TEXTS)),
    () => Object.fromEntries(Array.from({ length: random.skewed(0, 30) }, () => [random.pick(NAMES), 1])),
    () => Array.from({ length: depth }).reduce((inner) => random.chance(0.5) ? [inner] : { a: inner }, 1),
  ])();
}

/** The bytes of an object, most of the time as they should be. */
function damaged(random: Random, body: Body): Buffer {
  const text = stringifyJson(body).replace(FAR_HOST, "http://[::1]:1");
  const bytes = Buffer.from(random.chance(0.2) ? JSON.stringify(text) : text);
  if (random.chance(0.85)) return bytes;
  const at = random.integer(0, bytes.length);
  const noise = Buffer.from(Array.from({ length: random.skewed(1, 40) }, () => random.integer(0, 255)));
  return random.pick([
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]),
    () => Buffer.concat([bytes.subarray(0, at), bytes]),
    () => bytes.map((byte) => random.chance(2 / bytes.length) ? byte ^ (1 << random.integer(0, 7)) : byte),
    () => Buffer.from(`\ufeff\r\n ${text} `),
    () => Buffer.from(text.replaceAll('"', "'")),
    () => noise,
    () => Buffer.alloc(0),
    () =>
      Buffer.from(`{"content":${JSON.stringify("x".repeat(random.integer(1, 2) << 20))},${text.slice(1)}`),
    () => Buffer.from("[".repeat(random.skewed(1, 100_000))),
  ])() as Buffer;
}
