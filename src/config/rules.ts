/** The kinds of value a setting can have: each reads a text strictly or says why not. */
import { isIP } from "node:net";
import { posix } from "node:path";

/** Why a text is not a value of its kind. The reason never repeats the text, which may be a secret. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** A kind of value. */
export interface Rule<T> {
  /** What is expected, to follow "must be", e.g. `true or false`. */
  expects: string;
  /** The value. Throws {@link Refused}, with a reason of its own where there is a better one than `expects`. */
  parse(text: string): T;
}

function refuse(reason: string): never {
  throw new Refused(reason);
}

/** A text that matches `pattern` as a whole. */
export function text(pattern: RegExp, expects: string): Rule<string> {
  return { expects, parse: (text) => pattern.test(text) ? text : refuse(`Value must be ${expects}`) };
}

/** A decimal integer without sign or leading zeros, `min` and `max` included. `unit` as in `ms`. */
export function integer(min: number, max: number, unit = ""): Rule<number> {
  const expects = `an integer from ${min} to ${max}${unit && ` (${unit})`}`;
  return {
    expects,
    parse(text) {
      const value = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : refuse(`Value must be ${expects}`);
    },
  };
}

/** As `rule`, or empty for none. */
export function orNone<T>(rule: Rule<T>): Rule<T | undefined> {
  return {
    expects: `${rule.expects}, or empty`,
    parse: (text) => text === "" ? undefined : rule.parse(text),
  };
}

/** One of the given words. */
export function choice<const T extends string>(...words: T[]): Rule<T> {
  const expects = `one of ${words.join(", ")}`;
  return {
    expects,
    parse: (text) => words.find((word) => word === text) ?? refuse(`Value must be ${expects}`),
  };
}

/** `true` or `false`. */
export const flag: Rule<boolean> = {
  expects: "true or false",
  parse: (text) => choice("true", "false").parse(text) === "true",
};

/** Words of a list, separated by commas, in any order, none twice; empty for none. */
export function list<const T extends string>(...words: T[]): Rule<ReadonlySet<T>> {
  const expects = `empty or some of ${words.join(",")}, separated by commas only`;
  return {
    expects,
    parse(text) {
      const parts = text === "" ? [] : text.split(",").map((part) => words.find((word) => word === part));
      const known = new Set(parts.filter((part) => part !== undefined));
      return known.size === parts.length ? known : refuse(`Value must be ${expects}`);
    },
  };
}

/** The name of a queue or exchange: no blanks, no empty part between dots, at most `maxBytes` in UTF-8. */
export function entityName({ maxBytes = 255, builtIn = false } = {}): Rule<string> {
  const expects =
    `a name of letters, digits and ._:/@+- without an empty part between dots, at most ${maxBytes} bytes`;
  return {
    expects,
    parse(text) {
      if (!builtIn && /^amq\./i.test(text)) refuse('Names that start with "amq." are reserved by the broker');
      if (new TextEncoder().encode(text).length > maxBytes) {
        refuse(`Name must have at most ${maxBytes} bytes`);
      }
      return /^[\p{L}\p{N}_:/@+-]+(\.[\p{L}\p{N}_:/@+-]+)*$/u.test(text)
        ? text
        : refuse(`Value must be ${expects}`);
    },
  };
}

const PATH = /^[^\p{C}~$"'`\\*?<>|=&;]+$/u;

/** A file, relative or absolute. Nothing in its path is expanded. */
export const file: Rule<string> = text(
  PATH,
  "the path of a file, without ~, $, quotes and the like, which are not expanded",
);

/** A file with a secret in it: its path is to be told from the secret itself, put there by mistake. */
export const secretFile: Rule<string> = {
  expects: "a path that starts with /, ./ or ../, without ~, $, quotes and the like, which are not expanded",
  parse: (text) => /^\.{0,2}\//.test(text) ? file.parse(text) : refuse(`Value must be ${secretFile.expects}`),
};

/** A folder, relative or absolute, that is not the root of the file system. Nothing in it is expanded. */
export const folder: Rule<string> = {
  expects: "the path of a folder, without ~, $, quotes and the like, which are not expanded",
  parse(text) {
    if (!PATH.test(text)) refuse(`Value must be ${folder.expects}`);
    return /^\/$|^(\.\.\/?)+$/.test(posix.normalize(text))
      ? refuse("The root of the file system is no folder for it")
      : text;
  },
};

/** Whether a URL's host is a loopback address written as a number, so that no resolver can make it another one. */
export function isLiteralLoopback(hostname: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(hostname) || hostname === "[::1]";
}

/** An address of this machine to listen on, written as a number or as `localhost`. */
export const listenHost: Rule<string> = {
  expects: "an IP address of this machine (0.0.0.0 and :: are all of them), or localhost",
  parse: (text) =>
    text === "localhost" || isIP(text) !== 0 ? text : refuse(`Value must be ${listenHost.expects}`),
};

const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$/;

/** Hosts with or without a port, separated by commas, as URLs write them, in lower case; empty for none. */
export const hosts: Rule<ReadonlySet<string>> = {
  expects: "empty or hosts such as files.example.com, 10.0.0.5:8080 or [fd00::5], separated by commas only",
  parse(text) {
    const parts = text === "" ? [] : text.toLowerCase().split(",");
    const fits = (part: string) => HOST.test(part) && URL.canParse(`http://${part}`);
    return parts.every(fits) ? new Set(parts) : refuse(`Value must be ${hosts.expects}`);
  },
};

/** Whether nobody but this machine reaches what listens on `host`. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || isLiteralLoopback(host);
}

const URL_SHAPE =
  /^(?<protocol>[a-z]+:)\/\/(?:(?<user>[^@/?#]*)@)?(?<host>\[[0-9a-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?<port>\d+))?(?<path>\/[^?#]*)?(?<query>\?[^#]*)?$/;

/** What a URL setting may have beside protocol, host and port. */
interface UrlParts {
  /** User and password, with reserved characters percent-encoded. */
  user?: RegExp;
  path: RegExp;
  query?: RegExp;
}

/** A URL taken literally: nothing is trimmed, completed or corrected as `new URL` alone would. */
export function url(protocols: string[], parts: UrlParts, expects: string): Rule<string> {
  const fits = (pattern: RegExp | undefined, part: string | undefined) =>
    part === undefined || pattern?.test(part);
  return {
    expects,
    parse(text) {
      const shape = URL_SHAPE.exec(text)?.groups;
      if (!protocols.some((protocol) => text.startsWith(`${protocol}//`))) {
        refuse(`URL must start with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`);
      }
      if (!shape) refuse(`Value must be ${expects}`);
      const { user, host = "", port, path, query } = shape;
      if (!URL.canParse(`http://${host}`)) refuse("URL has no valid host");
      if (port !== undefined) integer(1, 65535, "port").parse(port);
      if (!fits(parts.user, user)) {
        refuse(
          parts.user
            ? "Reserved characters in user and password must be percent-encoded"
            : "URL must not hold a user or password",
        );
      }
      return fits(parts.path, path) && fits(parts.query, query) ? text : refuse(`Value must be ${expects}`);
    },
  };
}
