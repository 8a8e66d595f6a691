/**
 * The stand-in by HTTP, for programs and people that are not in its process: what a phone, a contact or a broken network
 * would do, as requests with small JSON bodies.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text as readAll } from "node:stream/consumers";
import { z } from "zod";
import { FLAWS } from "./certificate.ts";
import { ACCOUNT_FLAWS } from "./device_identity.ts";
import type { StandIn } from "./stand_in.ts";

/** What `GET /control` says. */
export const HELP = `The WhatsApp stand-in takes these requests (bodies are JSON unless noted):

GET  /control/state                        url, root key, open clients, counters
POST /control/phones/NUMBER/scan           body: QR string, or PNG as a data URL (plain text)
POST /control/phones/NUMBER/pairing-code   body: the eight characters (plain text)
POST /control/phones/NUMBER/unlink         removes the companions: 401
GET  /control/phones/NUMBER/sent           what the companions sent, as the phone saw it
POST /control/contacts/NUMBER              {"autoDeliver"?,"autoRead"?,"addressing"?:"pn"|"lid"}; made on first use
POST /control/contacts/NUMBER/send         {"to":"NUMBER","text":"…"}; answers {"id"}
POST /control/contacts/NUMBER/read         {"id":"…"}
GET  /control/contacts/NUMBER/inbox        messages received, with their repeats
GET  /control/contacts/NUMBER/receipts     what became of the messages sent
POST /control/close                        {"code":440,"number"?}; 401 403 405 408 411 419 428 440 500 503 515
POST /control/drop                         {"number"?}; cuts links without a word
POST /control/deafen                       {"to":"everything"|"queries"|"deliveries","number"?}; the links open now
POST /control/faults                       any of {"ackDelayMs","dropAcks","silence","untrustedCertificate",
                                           "tamperedAccount","refCount","refLifetimeMs","upgradeStatus","skewMs",
                                           "upgradeHangsUp","loginRefusal","leastRevision","sendRefusal"};
                                           null: off;
                                           "tamperedAccount": ${ACCOUNT_FLAWS.join(" ")};
                                           "untrustedCertificate": ${FLAWS.slice(0, 3).join(" ")}
                                           ${FLAWS.slice(3, 7).join(" ")}
                                           ${FLAWS.slice(7).join(" ")}
POST /control/faults/clear
POST /control/page                         {"revision":1043857760}: what WhatsApp's page says is in use

curl -X POST --data-binary @qr.txt http://127.0.0.1:PORT/control/phones/221771234567/scan
curl -d '{"to":"221771234567","text":"salut"}' http://127.0.0.1:PORT/control/contacts/221780000001/send
`;

const behaviour = z.strictObject({
  autoDeliver: z.boolean(),
  autoRead: z.boolean(),
  addressing: z.enum(["pn", "lid"]),
}).partial();

const sending = z.strictObject({ to: z.string(), text: z.string() });
const reading = z.strictObject({ id: z.string() });
const dropping = z.strictObject({ number: z.string().optional() });
const deafening = dropping.extend({ to: z.enum(["everything", "queries", "deliveries"]) });
const closing = dropping.extend({ code: z.int() });

const orOff = <T extends z.ZodType>(rule: T) => rule.nullable().transform((value) => value ?? undefined);
const faults = z.strictObject({
  ackDelayMs: z.int().nonnegative(),
  dropAcks: z.boolean(),
  silence: z.boolean(),
  untrustedCertificate: orOff(z.enum(FLAWS)),
  tamperedAccount: orOff(z.enum(ACCOUNT_FLAWS)),
  refCount: z.int().positive(),
  refLifetimeMs: orOff(z.int().positive()),
  upgradeStatus: orOff(z.int()),
  upgradeHangsUp: z.boolean(),
  loginRefusal: orOff(z.int()),
  leastRevision: orOff(z.int()),
  sendRefusal: orOff(z.int()),
  skewMs: z.int(),
}).partial();

const page = z.strictObject({ revision: z.int() });

interface Call {
  standIn: StandIn;
  number: string;
  body: string;
}

type Handler = (call: Call) => unknown | Promise<unknown>;

function json<T>(schema: z.ZodType<T>, body: string): T {
  return schema.parse(body === "" ? {} : JSON.parse(body));
}

const HANDLERS: Record<string, Handler> = {
  "GET state": ({ standIn: { url, rootKeyHex, clients, stats, faults } }) => ({
    url,
    rootKeyHex,
    clients,
    stats,
    faults,
  }),
  "POST phones scan": ({ standIn, number, body }) => {
    const phone = standIn.phone(number);
    return body.startsWith("data:") ? phone.scanPng(body.trim()) : phone.scan(body.trim());
  },
  "POST phones pairing-code": ({ standIn, number, body }) =>
    standIn.phone(number).enterPairingCode(body.trim()),
  "POST phones unlink": ({ standIn, number }) => standIn.phone(number).unlink(),
  "GET phones sent": ({ standIn, number }) => standIn.phone(number).sent,
  "POST contacts": ({ standIn, number, body }) => {
    Object.assign(standIn.contact(number), json(behaviour, body));
  },
  "POST contacts send": async ({ standIn, number, body }) => {
    const { to, text } = json(sending, body);
    return { id: await standIn.contact(number).sendText(to, text) };
  },
  "POST contacts read": ({ standIn, number, body }) => standIn.contact(number).read(json(reading, body).id),
  "GET contacts inbox": ({ standIn, number }) => standIn.contact(number).inbox,
  "GET contacts receipts": ({ standIn, number }) => standIn.contact(number).receipts,
  "POST close": ({ standIn, body }) => {
    const { code, number } = json(closing, body);
    standIn.faults.closeWith(code, number);
  },
  "POST drop": ({ standIn, body }) => standIn.faults.dropLinks(json(dropping, body).number),
  "POST deafen": ({ standIn, body }) => {
    const { to, number } = json(deafening, body);
    standIn.faults.deafen(to, number);
  },
  "POST faults": ({ standIn, body }) => {
    Object.assign(standIn.faults, json(faults, body));
  },
  "POST page": ({ standIn, body }) => {
    Object.assign(standIn.page, json(page, body));
  },
  "POST faults clear": ({ standIn }) => standIn.faults.clear(),
};

/** `/control/contacts/221…/send` → the handler's name and the number in it. */
function route(method: string, path: string): { name: string; number: string } {
  const parts = path.split("/").slice(2);
  const [subject = "", number = ""] = parts;
  if (subject !== "phones" && subject !== "contacts") {
    return { name: [method, ...parts].join(" "), number: "" };
  }
  return { name: [method, subject, ...parts.slice(2)].join(" "), number };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === "string" ? body : `${JSON.stringify(body ?? { ok: true }, null, 2)}\n`;
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json";
  response.writeHead(status, { "content-type": type }).end(text);
}

/** Answers one request: 200 with JSON, 404 with the help, 400 with the reason when it cannot be done. */
export async function control(
  standIn: StandIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0]!.replace(/\/$/, "");
  if (path === "/control") return answer(response, 200, HELP);
  const { name, number } = route(request.method ?? "GET", path);
  const handler = path.startsWith("/control/") ? HANDLERS[name] : undefined;
  if (!handler) return answer(response, 404, `There is no ${request.method} ${path}.\n\n${HELP}`);
  try {
    answer(response, 200, await handler({ standIn, number, body: await readAll(request) }));
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    answer(response, 400, { error: message });
  }
}
