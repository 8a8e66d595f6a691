/**
 * The stand-in as a program of its own: `deno task stand-in [--port PORT]`.
 *
 * The first line of output is JSON (`url`, `rootKeyHex`, `control`) for programs, the rest is for people. It runs until
 * SIGINT or SIGTERM.
 */
import { parseArgs } from "node:util";
import { control } from "./control.ts";
import { startStandIn } from "./stand_in.ts";

const { values } = parseArgs({ args: Deno.args, options: { port: { type: "string", default: "0" } } });

const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stopped.resolve());

await using standIn = await startStandIn({ port: Number(values.port), onRequest: control });
const { url, rootKeyHex } = standIn;
const help = url.replace("ws:", "http:").replace(/\/ws\/chat$/, "/control");
console.log(JSON.stringify({ url, rootKeyHex, control: help }));
console.log(`
WhatsApp stand-in, on loopback only. In the worker's .env:

  WHATSAPP_WEB_URL=${url}
  WHATSAPP_ROOT_KEY=${rootKeyHex}

Phones, contacts and faults: curl ${help}
Ctrl-C ends it.`);
await stopped.promise;
