/**
 * The admin's side of a Spring Boot backend, over HTTP on loopback: it validates a client (which saves a session and
 * publishes `create`), its listener saves what the worker answers, and the admin fetches the QR. Around the AMQP side
 * in `tests/backend/`.
 */

import type { Received } from "../backend/backend.ts";
import type { Published } from "./observations.ts";

/** A client who wants a number, as the database holds it. */
export interface ClientRow {
  readonly id: number;
  readonly phoneNumber: string;
}

/** A session, as the database holds it. */
export interface SessionRow {
  readonly id: number;
  readonly numberId: number;
  readonly phoneNumber: string;
  readonly sessionId: string;
  readonly workerId: string;
  readonly status: "PENDING" | "QR_GENERATED" | "CONNECTED";
  readonly qrCode: string | null;
}

/** A running backend; see {@link startSpring}. */
export interface Spring extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly published: readonly Published[];
  /** The session of a client, as it is in the database now. */
  session(clientId: number): SessionRow | undefined;
  /** What its listeners do with what came; nothing else is told of it. */
  onReceived(received: Received): void;
}

const VALIDATE = new URLPattern({ pathname: "/api/admin/dashboard/clients/:id(\\d+)/validate" });
const QR_CODE = new URLPattern({ pathname: "/api/admin/dashboard/clients/:id(\\d+)/qr-code" });

/** Publishes a command through the exchange and resolves to its AMQP `message_id`. */
export type Command = (body: Record<string, unknown>) => Promise<string>;

/** Starts the HTTP API. */
export function startSpring(command: Command, clients: readonly ClientRow[]): Spring {
  const sessions = new Map<number, SessionRow>();
  const published: Published[] = [];

  /** `SessionService.createSession()`: the row first, then the command. */
  async function createSession({ id, phoneNumber }: ClientRow, workerId: string): Promise<SessionRow> {
    const session: SessionRow = {
      id,
      numberId: id,
      phoneNumber,
      sessionId: `session_${id}_2533b0aa`,
      workerId,
      status: "PENDING",
      qrCode: null,
    };
    sessions.set(id, session);
    const body = {
      sessionId: id,
      action: "create",
      data: { numberId: id, phoneNumber, sessionId: session.sessionId, workerId },
    };
    const messageId = await command(body);
    published.push({ exchange: "whatsapp.exchange", routingKey: "session.update", body, messageId });
    return session;
  }

  async function answer(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const validated = request.method === "POST" ? VALIDATE.exec(request.url) : null;
    const asked = request.method === "GET" ? QR_CODE.exec(request.url) : null;
    const id = Number((validated ?? asked)?.pathname.groups.id);
    const client = clients.find((one) => one.id === id);
    if (client === undefined) return Response.json({ error: "Not found" }, { status: 404 });
    if (validated) {
      const { qrCode: _, ...session } = await createSession(client, searchParams.get("workerId") ?? "1");
      return Response.json(session);
    }
    const { qrCode = null } = sessions.get(id) ?? {};
    return qrCode === null
      ? Response.json({ error: "No QR code yet" }, { status: 404 })
      : Response.json({ qrCode });
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    published,
    session: (clientId) => sessions.get(clientId),
    /** `QRCodeListener.handleSessionUpdate()`. */
    onReceived({ body: { action, numberId, qrCode } }) {
      const session = sessions.get(Number(numberId));
      if (session === undefined) return;
      if (action === "qr_generated") {
        sessions.set(session.id, { ...session, status: "QR_GENERATED", qrCode: String(qrCode) });
      }
      if (action === "connected") sessions.set(session.id, { ...session, status: "CONNECTED", qrCode: null });
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
