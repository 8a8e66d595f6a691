import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";
import { unlessAborted } from "../../../waiting.ts";
import { MediaFailure, urlRefused } from "./failure.ts";

/** All addresses of a name, as the machine's resolver has them. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveAll: Resolve = (hostname) => lookup(hostname, { all: true });

/** What of IPv6 is reached over the internet; all that stands for an IPv4 address is elsewhere, or refused by its range. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Keeps those who may write a URL out of the operator's own network: a host is asked only at public addresses, unless the
 * operator has named it.
 */
export class AddressGuard {
  readonly #allowed: ReadonlySet<string>;
  readonly #resolve: Resolve;

  /**
   * @param allowHosts names and IP addresses, as URLs write them, each with a port or for all ports
   * @param resolve @default the machine's resolver
   */
  constructor(allowHosts: Iterable<string>, resolve: Resolve = resolveAll) {
    this.#allowed = new Set(Array.from(allowHosts, canonical));
    this.#resolve = resolve;
  }

  /**
   * The addresses at which `url` may be asked: to be connected to as they are, since a name can have others a moment later.
   *
   * @param trusted the operator has named the host elsewhere: its addresses are not judged
   * @throws {MediaFailure} when it may not be, or has none; what `signal` was aborted with
   */
  async addressesOf(
    url: URL,
    { trusted = false, signal }: { trusted?: boolean; signal: AbortSignal },
  ): Promise<readonly LookupAddress[]> {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw urlRefused("has to start with http:// or https://");
    }
    if (url.username !== "" || url.password !== "") throw urlRefused("must not hold a user or password");
    const addresses = await this.#lookUp(url, signal);
    const open = trusted || this.#allowed.has(url.hostname) ||
      this.#allowed.has(`${url.hostname}:${portOf(url)}`);
    if (!open && !addresses.every(({ address }) => isPublic(address))) {
      throw urlRefused(
        `names '${url.host}', which is at a private address: the operator can allow it in MEDIA_ALLOW_HOSTS`,
      );
    }
    return addresses;
  }

  async #lookUp({ hostname }: URL, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const literal = hostname.replace(/^\[(.*)\]$/, "$1");
    if (ipaddr.isValid(literal)) return [{ address: literal, family: literal.includes(":") ? 6 : 4 }];
    let addresses: readonly LookupAddress[] | undefined;
    try {
      addresses = await unlessAborted(this.#resolve(hostname), signal);
    } catch (cause) {
      throw unresolved(hostname, cause);
    }
    if (addresses === undefined) throw signal.reason;
    if (addresses.length === 0) throw unresolved(hostname);
    return addresses;
  }
}

/** Whether an address is reached over the internet, and stands for no other one that is not. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  return parsed.range() === "unicast" && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_IPV6));
}

/** The port that a URL leads to, written or not. */
function portOf({ port, protocol }: URL): number {
  return port === "" ? protocol === "https:" ? 443 : 80 : Number(port);
}

/** As a URL has it once it is parsed; a port that is usual is not dropped. */
function canonical(host: string): string {
  const port = /:\d+$/.exec(host)?.[0] ?? "";
  return new URL(`http://${host}`).hostname + port;
}

function unresolved(hostname: string, cause?: unknown): MediaFailure {
  return new MediaFailure("media_fetch_failed", `Cannot fetch the medium as '${hostname}' has no address`, {
    retryable: true,
    cause,
  });
}
