import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { GroupMetadata } from "@whiskeysockets/baileys";
import type { Names } from "../../../src/store/recipients.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";
import { socketCaches } from "../../../src/whatsapp/socket/caches.ts";
import type { Socket } from "../../../src/whatsapp/socket/socket.ts";
import { Transmissions } from "../../../src/whatsapp/outbound/transmissions.ts";

const FRIEND = "221779999999@s.whatsapp.net";
const LID = "123456789012345@lid";
const GROUP = "120363000000000001@g.us";
const QUERY_TIMEOUT_MS = 50;

/** What the server says, and when. */
interface Server {
  devices?: readonly string[];
  afterMs?: number;
  /** Of who has a number: the JID it has and whether it is on WhatsApp; `undefined` is silence. */
  found?: { id: string; contact: boolean } | undefined;
  group?: Partial<GroupMetadata> | { refusedWith: number };
}

/** Transmissions over a socket to a server, and what was written, who the members were, and what Baileys need not ask for. */
function setUp({ devices = [], afterMs = 0, found, group }: Server) {
  const transmissions = new Transmissions(QUERY_TIMEOUT_MS);
  const written: string[] = [];
  const spared: unknown[] = [];
  const members: (readonly Names[])[] = [];
  const groups = new Map<string, GroupMetadata>();
  const socket = {
    account: { jid: "221771234567:3@s.whatsapp.net", lid: "100000000000000@lid", pushName: null },
    identities: new Identities({ get: () => ({}) }),
    devices: socketCaches().userDevicesCache,
    groups,
    baileys: {
      getUSyncDevices: () => delay(afterMs, devices),
      executeUSyncQuery: () => Promise.resolve(found && { list: [found] }),
      groupMetadata: () =>
        group !== undefined && "refusedWith" in group
          ? Promise.reject(Object.assign(new Error("no"), { data: group.refusedWith }))
          : Promise.resolve(group),
      relayMessage: (jid: string) => {
        written.push(jid);
        spared.push(groups.get(jid));
        transmissions.answered("A", { outcome: "accepted" });
        return Promise.resolve("A");
      },
    },
  } as unknown as Socket;
  const transmit = (jid: string) =>
    transmissions.transmit(socket, jid, { conversation: "x" }, {
      whatsappId: "A",
      timeoutMs: 5_000,
      onMembers: (all) => Promise.resolve(void members.push(all)),
    });
  return { transmit, written, spared, members, groups };
}

Deno.test("Transmissions.transmit() writes no message for nobody when the recipient's devices are not known in time", async () => {
  const found = { id: FRIEND, contact: false };
  const { transmit, written } = setUp({ afterMs: QUERY_TIMEOUT_MS, found });
  assert.equal((await transmit(FRIEND)).outcome, "failed");
  assert.deepEqual(written, []);
});

Deno.test("Transmissions.transmit() says that somebody is not on WhatsApp when the server says so, and only then", async () => {
  const outcomeOf = async (jid: string, found?: Server["found"]) => {
    const { transmit, written } = setUp({ found });
    const transmission = await transmit(jid);
    assert.deepEqual(written, []);
    return transmission.outcome === "unsendable" ? transmission.failure : transmission.outcome;
  };
  const failure = await outcomeOf(FRIEND, { id: FRIEND, contact: false });
  assert.deepEqual(failure, {
    code: "not_on_whatsapp",
    error: "The recipient is not on WhatsApp",
    retryable: false,
  });
  assert.equal(await outcomeOf(FRIEND), "failed", "silence");
  assert.equal(await outcomeOf(FRIEND, { id: FRIEND, contact: true }), "failed", "there, without devices");
  assert.equal(await outcomeOf(LID), "failed", "a LID whose number nobody knows");
  const moved = await outcomeOf(FRIEND, { id: "22179999999@s.whatsapp.net", contact: true });
  assert.match(typeof moved === "string" ? moved : moved.error, /by '\+22179999999'/);
});

Deno.test("Transmissions.transmit() writes to devices that were named late", async () => {
  const { transmit, written } = setUp({ devices: [FRIEND], afterMs: QUERY_TIMEOUT_MS });
  assert.equal((await transmit(FRIEND)).outcome, "accepted");
  assert.deepEqual(written, [FRIEND]);
});

Deno.test("Transmissions.transmit() asks for a group once, and tells who is in it beside the number before it writes", async () => {
  const group = {
    participants: [
      { id: "100000000000000@lid", phoneNumber: "221771234567@s.whatsapp.net" },
      { id: LID, phoneNumber: FRIEND },
      { id: "199999999999999@lid" },
    ],
  };
  const { transmit, written, spared, members, groups } = setUp({ group });
  assert.equal((await transmit(GROUP)).outcome, "accepted");
  assert.deepEqual(written, [GROUP]);
  assert.deepEqual(members, [[[LID, FRIEND], ["199999999999999@lid"]]]);
  assert.deepEqual(spared, [group]);
  assert.equal(groups.size, 0, "the next message asks again");

  const partly = setUp({ group: { ...group, size: 4 } });
  assert.equal((await partly.transmit(GROUP)).outcome, "accepted");
  assert.deepEqual(partly.members, [[]], "it shows only some of its members");
});

Deno.test("Transmissions.transmit() does not write to a group the number may not write to", async () => {
  const codeOf = async (group: Server["group"]) => {
    const { transmit, written } = setUp({ group: group! });
    const transmission = await transmit(GROUP);
    assert.deepEqual(written, transmission.outcome === "accepted" ? [GROUP] : []);
    return transmission.outcome === "unsendable" ? transmission.failure.code : transmission.outcome;
  };
  const closed = (admin: "admin" | null) => ({
    announce: true,
    participants: [{ id: "221771234567@s.whatsapp.net", admin }, { id: FRIEND }],
  });
  assert.equal(await codeOf({ refusedWith: 403 }), "not_in_group");
  assert.equal(await codeOf({ refusedWith: 404 }), "group_not_found");
  assert.equal(await codeOf({ refusedWith: 500 }), "failed");
  assert.equal(await codeOf(closed(null)), "group_admins_only");
  assert.equal(await codeOf(closed("admin")), "accepted");
});
