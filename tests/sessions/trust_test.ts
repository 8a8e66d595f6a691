/** Sessions and servers that are not WhatsApp. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import type { Flaw } from "../stand_in/certificate.ts";
import { ACCOUNT_FLAWS } from "../stand_in/device_identity.ts";
import { readQr, readQrPicture } from "../stand_in/qr_code.ts";
import { event, events, health, line, pairAll } from "./steps.ts";

const broker = await sharedBroker();

const REFUSED: [Flaw, RegExp][] = [
  ["foreign_root", /not signed by WhatsApp's root/],
  ["foreign_leaf", /that of another server/],
  ["tampered_leaf", /not signed by its intermediate/],
  ["expired_leaf", /expired at .* clock of this machine/],
  ["premature_leaf", /not valid before .* clock of this machine/],
];

for (const [flaw, message] of REFUSED) {
  Deno.test(`Session tells a server nothing that shows a certificate with the flaw ${flaw}`, async () => {
    await using stack = await startStack({ broker });
    await stack.startWorker({}, { random: () => 0 });
    const linked = line(8);
    const unlinked = line(9);
    await pairAll(stack, [linked]);
    const { faults, stats } = stack.standIn;
    const handshakes = stats.links;
    faults.untrustedCertificate = flaw;
    faults.dropLinks();
    await stack.backend.command({ action: "create", ...unlinked });
    for (const each of [linked, unlinked]) {
      const { body } = await event(stack, each, "disconnected", { reason: "untrusted_server" });
      assert.deepEqual([body.code, body.willReconnect], [400, true]);
      assert.match(String(body.message), message);
    }
    for (const each of [linked, unlinked]) await health(stack, each, "DISCONNECTED", "untrusted_server");
    assert(
      stack.logged.map((text) => JSON.parse(text)).some((entry) =>
        entry.level === 50 && entry.reason === "untrusted_server" && message.test(entry.message)
      ),
      "the log says why",
    );
    assert.equal(stats.links, handshakes, "no handshake was finished");
    assert.deepEqual(events(stack, unlinked, "qr_generated"), []);

    faults.untrustedCertificate = undefined;
    await event(stack, linked, "connected");
    await health(stack, linked, "HEALTHY");
    await event(stack, unlinked, "qr_generated");
  });
}

Deno.test("Session goes on trying a server it cannot trust, and tells when the reason is another one", async () => {
  await using stack = await startStack({ broker });
  const { faults, stats } = stack.standIn;
  faults.untrustedCertificate = "expired_intermediate";
  await stack.startWorker({}, { random: () => 0 });
  const careful = line(8);
  await stack.backend.command({ action: "create", ...careful });
  await event(stack, careful, "disconnected", { reason: "untrusted_server" });
  faults.untrustedCertificate = "tampered_intermediate";
  const { body } = await event(stack, careful, "disconnected", { reason: "untrusted_server" });
  assert.match(String(body.message), /not signed by WhatsApp's root/);
  assert.equal(stats.links, 0);
  assert.equal(events(stack, careful, "disconnected").length, 2);
});

for (const flaw of ACCOUNT_FLAWS) {
  Deno.test(`Session links no phone whose ${flaw} of this device is wrong, and then the right one`, async () => {
    await using stack = await startStack({ broker });
    await stack.startWorker({}, { random: () => 0 });
    const wanted = line(8);
    const { faults } = stack.standIn;
    const phone = stack.standIn.phone(wanted.phoneNumber);
    faults.tamperedAccount = flaw;
    await stack.backend.command({ action: "create", ...wanted });
    const qr = await event(stack, wanted, "qr_generated");
    await assert.rejects(phone.scanPng(String(qr.body.qrCode)), /closed its link/);
    const { body } = await event(stack, wanted, "disconnected");
    assert.deepEqual([body.code, body.reason, body.willReconnect], [500, "untrusted_account", true]);
    assert.match(String(body.message), /nothing was linked$/);
    assert(
      stack.logged.map((text) => JSON.parse(text)).some(({ level, reason, message }) =>
        level === 50 && reason === "untrusted_account" && message === body.message
      ),
      "the log says why",
    );
    await health(stack, wanted, "DISCONNECTED", "untrusted_account");
    assert.equal(phone.linked, false);
    using database = new DatabaseSync(join(stack.environment.SESSION_DIR!, "worker.db"), { readOnly: true });
    assert.deepEqual(database.prepare("SELECT * FROM credential").all(), [], "nothing of it is kept");

    faults.tamperedAccount = undefined;
    const next = await event(stack, wanted, "qr_generated");
    const [refused, fresh] = [qr, next].map(({ body }) => readQr(readQrPicture(String(body.qrCode))));
    assert.notDeepEqual(fresh!.identityKey, refused!.identityKey, "it is another device that is linked");
    await phone.scanPng(String(next.body.qrCode));
    await event(stack, wanted, "connected");
    assert.equal(phone.companions.size, 1);
  });
}
