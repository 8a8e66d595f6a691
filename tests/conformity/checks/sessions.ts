/** Checks of sessions with WhatsApp, QR codes and the admin's flow. */

import { Buffer } from "node:buffer";
import type { Received } from "../../backend/backend.ts";
import { during, expect, find, known, type Observations } from "../observations.ts";
import { pinnedVersion } from "../repository.ts";

const SESSION_ID = "session_6_+221771234567";
const PNG_SIGNATURE = "89504e470d0a1a0a";

const qrOf = (seen: Observations): Received =>
  find(
    during(seen, "validate"),
    "qr_generated",
    ({ action, numberId }) => action === "qr_generated" && numberId === 6,
  );

export function sessionIdHasTheFormat(seen: Observations): string {
  const ids = seen.events.filter(({ body }) => body.numberId === 6 && "sessionId" in body)
    .map(({ body }) => body.sessionId);
  expect(ids.length > 0, "No event has a sessionId");
  const other = ids.find((id) => id !== SESSION_ID);
  expect(other === undefined, `An event has the sessionId ${other}`);
  const { backendSessionId } = qrOf(seen).body;
  expect(backendSessionId === "session_6_2533b0aa", `backendSessionId is ${backendSessionId}`);
  return `${SESSION_ID} in all ${ids.length} events; the backend's own id comes back as backendSessionId`;
}

export function realBaileysIsUsed(seen: Observations): string {
  expect(known(seen.linked, "a linked phone"), "The phone linked nothing");
  const violations = known(seen.violations, "the client's behaviour");
  expect(violations.length === 0, `Against the protocol: ${violations.join("; ")}`);
  const version = pinnedVersion(seen, "@whiskeysockets/baileys");
  return `Baileys ${version} registered, was linked, its device signature verified; no violation of the protocol`;
}

export function linkEventsAreHandled(seen: Observations): string {
  const events = during(seen, "link lost");
  const lost = find(events, "disconnected", ({ action }) => action === "disconnected");
  expect(lost.body.willReconnect === true, "The worker would not reconnect");
  find(events, "connected", ({ action }) => action === "connected");
  expect(!events.some(({ body }) => body.action === "qr_generated"), "It needed a new QR");
  return `link cut: disconnected (${lost.body.code}, ${lost.body.reason}, willReconnect), then connected without a QR`;
}

export function qrIsSent(seen: Observations): string {
  const { queue, body, properties } = qrOf(seen);
  expect(queue === "whatsapp.session.update", `It came on ${queue}`);
  expect(
    properties.correlationId === known(seen.published, "the command").messageId,
    "It answers another command",
  );
  return `qr_generated for number ${body.numberId} on ${queue}, correlated with the command`;
}

export function qrActionIsNamed(seen: Observations): string {
  const { body, properties } = qrOf(seen);
  expect(properties.type === "qr_generated", `Its AMQP type is ${properties.type}`);
  return `action and AMQP type are ${body.action}, attempt ${body.attempt} of ${body.maxAttempts}`;
}

export function qrIsIncluded(seen: Observations): string {
  const { qrCode } = qrOf(seen).body;
  expect(typeof qrCode === "string" && qrCode.length > 100, "There is no qrCode in it");
  return `qrCode of ${qrCode.length} characters`;
}

export function qrIsAPicture(seen: Observations): string {
  const [, base64] = /^data:image\/png;base64,([A-Za-z0-9+/]+={0,2})$/.exec(String(qrOf(seen).body.qrCode)) ??
    [];
  expect(base64 !== undefined, "qrCode is no data:image/png;base64 URL");
  const png = Buffer.from(base64, "base64");
  expect(png.subarray(0, 8).toString("hex") === PNG_SIGNATURE, "Its bytes are no PNG");
  expect(known(seen.scanned, "the phone's scan") === "picture", "The phone could not read it as a picture");
  return `data:image/png;base64, a PNG of ${png.length} bytes that the phone decoded and linked from`;
}

export function qrHasTheFields(seen: Observations): string {
  const { body } = qrOf(seen);
  const { action, numberId, qrCode, timestamp, sessionId } = body;
  expect(action === "qr_generated" && numberId === 6, `It is ${action} of number ${numberId}`);
  expect(
    typeof qrCode === "string" && qrCode.startsWith("data:image/png;base64,iVBORw0KGgo"),
    "qrCode is no PNG",
  );
  expect(typeof timestamp === "number" && timestamp > 1e12, `timestamp is ${timestamp}`);
  return `action, numberId 6, qrCode data:image/png;base64,iVBORw0KGgo…, timestamp ${timestamp}, sessionId ${sessionId}`;
}

export function qrHasATimestamp(seen: Observations): string {
  const { timestamp } = qrOf(seen).body;
  expect(typeof timestamp === "number" && timestamp > 1e12, `timestamp is ${timestamp}`);
  return `timestamp ${timestamp}, a number in ms`;
}

export function connectionIsAnnounced(seen: Observations): string {
  const { queue, body } = find(during(seen, "scan"), "connected", ({ action }) => action === "connected");
  expect(body.numberId === 6 && body.sessionId === SESSION_ID, `It is about ${body.sessionId}`);
  expect(body.phoneNumber === "+221771234567", `The phone is ${body.phoneNumber}`);
  return `connected on ${queue} with ${body.sessionId}, phone ${body.phoneNumber}`;
}

export function healthFollowsTheConnection(seen: Observations): string {
  const events = seen.events.filter(({ body }) =>
    body.numberId === 6 && "status" in body && "reason" in body
  );
  const healthy = find(
    during(seen, "scan"),
    "HEALTHY",
    ({ status, numberId }) => status === "HEALTHY" && numberId === 6,
  );
  find(
    events,
    "DISCONNECTED after close",
    ({ status, reason }) => status === "DISCONNECTED" && reason === "closed",
  );
  return `number_health ${healthy.body.status} on ${healthy.queue} after the scan, DISCONNECTED after close`;
}

export function createIsHandled(seen: Observations): string {
  find(during(seen, "validate"), "qr_generated", ({ action }) => action === "qr_generated");
  const again = during(seen, "reopen");
  find(again, "connected", ({ action }) => action === "connected");
  expect(!again.some(({ body }) => body.action === "qr_generated"), "A stored number was paired again");
  return "create: a QR for a new number; for one with credentials connected, without a QR";
}

export function closeIsHandled(seen: Observations): string {
  const closed = find(during(seen, "close"), "closed", ({ action }) => action === "closed");
  find(
    during(seen, "close"),
    "DISCONNECTED",
    ({ status, reason }) => status === "DISCONNECTED" && reason === "closed",
  );
  find(during(seen, "reopen"), "connected with the same credentials", ({ action }) => action === "connected");
  return `close: closed (${closed.body.reason}) and DISCONNECTED; it opens again without a QR`;
}

export function reconnectIsHandled(seen: Observations): string {
  const events = during(seen, "reconnect");
  find(events, "connected", ({ action }) => action === "connected");
  const logins = seen.logins.get("reconnect");
  expect(logins === 1, `There were ${logins} logins`);
  const links = known(seen.linksAfterReconnect, "the number's links at WhatsApp");
  expect(links === 1, `The number has ${links} links open at WhatsApp`);
  expect(!events.some(({ body }) => body.action === "qr_generated"), "It needed a new QR");
  return "reconnect of a connected number: one new login, the old socket gone, connected";
}

export function unknownActionsAreAnswered(seen: Observations): string {
  const events = during(seen, "bad commands");
  const { body } = find(events, "unknown_action", ({ code }) => code === "unknown_action");
  expect(body.field === "action", `The field named is ${body.field}`);
  const reasons = known(seen.deadReasons, "the dead-letter queue");
  expect(reasons.includes("unknown_action"), `The dead letters' reasons are: ${reasons.join(", ")}`);
  find(events, "session_status afterwards", ({ action }) => action === "session_status");
  return `action 'danse': error ${body.code}, field ${body.field}; it lies in the dead letters, the worker goes on`;
}

export function faultyCommandsAreAnswered(seen: Observations): string {
  const events = during(seen, "bad commands");
  const { field } = find(events, "invalid_command", ({ code }) => code === "invalid_command").body;
  expect(field === "phoneNumber", `The field named is ${field}`);
  find(events, "no_session", ({ code }) => code === "no_session");
  const { body } = find(events, "session_status", ({ action }) => action === "session_status");
  expect(body.status === "HEALTHY", `The session in use is ${body.status}`);
  return `a path as phoneNumber: invalid_command; a number without a session: no_session; ` +
    `the session in use is ${body.status} after both; ${linkEventsAreHandled(seen)}`;
}

export function adminValidates(seen: Observations): string {
  const { status, body } = known(seen.validated, "the answer to POST …/validate");
  expect(status === 200 && body.workerId === "1", `It was answered ${status} ${JSON.stringify(body)}`);
  return `POST /api/admin/dashboard/clients/6/validate?workerId=1 answered ${status}`;
}

export function backendSavesTheSession(seen: Observations): string {
  const row = known(seen.created, "the row of the session");
  expect(row.status === "PENDING" && row.qrCode === null, `The row is ${row.status}`);
  return `row ${row.id}: ${row.sessionId}, worker ${row.workerId}, ${row.status}`;
}

export function backendSavesTheQr(seen: Observations): string {
  const row = known(seen.saved, "the row of the session, later");
  expect(row.status === "QR_GENERATED", `The row is ${row.status}`);
  expect(row.qrCode === qrOf(seen).body.qrCode, "Saved is another QR than was sent");
  return `row ${row.id} is ${row.status} with the QR the worker sent`;
}

export function adminGetsTheQr(seen: Observations): string {
  const before = known(seen.qrBefore, "GET …/qr-code before");
  const { status, body } = known(seen.qrAnswer, "GET …/qr-code");
  expect(before.status === 404, `Before the worker had sent one it was answered ${before.status}`);
  expect(status === 200 && body.qrCode === qrOf(seen).body.qrCode, `It was answered ${status}`);
  expect(known(seen.linked, "a linked phone"), "The phone could not link from it");
  return `GET /api/admin/dashboard/clients/6/qr-code: ${before.status} before, then ${status} with the QR that was scanned`;
}

export function sessionIsOpenedByWorker(seen: Observations): string {
  // Health has a queue of its own: it may come after the QR that ended the step.
  const { body } = find(
    seen.events,
    "health of number 6",
    ({ numberId }, { properties }) => properties.type === "number_health" && numberId === 6,
  );
  expect(body.reason === "connecting", `Its first report says ${body.status}, ${body.reason}`);
  return `after create ${body.workerId} has ${body.sessionId} '${body.reason}'; ${realBaileysIsUsed(seen)}`;
}
