/** A TCP proxy on loopback that breaks connections in the ways networks do. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Seen from the client: `up` is what it sends, `down` what it receives. */
export type Direction = "up" | "down" | "both";

/** A running proxy; see {@linkcode startProxy}. */
export interface Proxy extends AsyncDisposable {
  /** The port on 127.0.0.1 to connect to instead of the target's. */
  readonly port: number;
  /** How many connections pass through it now. */
  readonly connections: number;
  /** Ends every connection in order (FIN both ways). New ones are let through. */
  drop(): void;
  /** Ends every connection with a reset (RST both ways). New ones are let through. */
  reset(): void;
  /** Resets every connection, and new ones as soon as they come, until {@linkcode Proxy.restore}. */
  refuse(): void;
  /**
   * Stops passing on anything in a direction, ends of connections included, on present and future connections. As with
   * a network that is back after a while, {@linkcode Proxy.restore} delivers late and loses nothing.
   */
  blackhole(direction: Direction): void;
  /** Lets everything through again. */
  restore(): void;
  /** Resets every connection and stops listening. */
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  target: Socket;
}

/** Starts a proxy before a port on 127.0.0.1. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const links = new Set<Link>();
  const held = { up: false, down: false };
  let refusing = false;

  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    if (refusing) return void client.resetAndDestroy();
    const target = connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true, noDelay: true });
    const link = { client, target };
    links.add(link);
    pass(client, target, () => held.up);
    pass(target, client, () => held.down);
    client.once("close", () => links.delete(link));
    if (!held.up) client.resume();
    if (held.down) target.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const resetAll = () => {
    for (const { client, target } of links) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  };
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    drop() {
      for (const { client, target } of links) {
        client.destroy();
        target.destroy();
      }
    },
    reset: resetAll,
    refuse() {
      refusing = true;
      resetAll();
    },
    blackhole(direction) {
      if (direction !== "down") held.up = true;
      if (direction !== "up") held.down = true;
      for (const { client, target } of links) {
        if (held.up) client.pause();
        if (held.down) target.pause();
      }
    },
    restore() {
      refusing = held.up = held.down = false;
      for (const { client, target } of links) {
        client.resume();
        target.resume();
      }
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      resetAll();
      await closed;
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
  return proxy;
}

/** Passes bytes, end and reset of one socket on to another, no faster than that one takes them. */
function pass(from: Socket, to: Socket, held: () => boolean): void {
  from.on("data", (bytes) => {
    if (to.destroyed || to.write(bytes)) return;
    from.pause();
    to.once("drain", () => held() || from.resume());
  });
  from.on("end", () => to.end());
  // A refused or reset connection on one side is a reset on the other; "close" follows and has nothing left to do.
  from.on("error", () => to.resetAndDestroy());
  from.on("close", () => to.destroy());
}
