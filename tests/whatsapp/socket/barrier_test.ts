/** What WhatsApp is told only once it is durable, stanza by stanza: a socket whose writes are the test's to decide on. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { proto, type WAMessage } from "@whiskeysockets/baileys";
import pino from "pino";
import { Database } from "../../../src/store/database.ts";
import { makeStore, type Store } from "../../../src/store/store.ts";
import { loadAuthState, type StoredAuthState } from "../../../src/whatsapp/signal/auth_state.ts";
import { hardenBaileys } from "../../../src/whatsapp/socket/hardening.ts";
import type { Closure } from "../../../src/whatsapp/socket/close_codes.ts";
import type { Receipt } from "../../../src/whatsapp/receipts/receipt_stanzas.ts";
import { openSocket, type Socket } from "../../../src/whatsapp/socket/socket.ts";
import type { SocketEvents } from "../../../src/whatsapp/socket/socket_events.ts";
import { clearBaileysTimers } from "../../baileys_timers.ts";
import { type StandIn, startStandIn } from "../../stand_in/stand_in.ts";
import { Feed } from "../../stand_in/feed.ts";
import { element } from "../../stand_in/nodes.ts";
import type { Mailbox } from "../../stand_in/mailbox.ts";

const PHONE = "221771234567";
const FRIEND = "221779999999";
const NEWSLETTER = "120363000000000009@newsletter";
const TIMEOUT_MS = 10_000;
const LIMIT = 500;
const MANY = 2 * LIMIT;
const SLOWEST_STANZA_MS = 20;

/** A linked socket, what it tells, and the mailbox of stanzas that it has not confirmed. */
interface Linked extends AsyncDisposable {
  readonly standIn: StandIn;
  readonly store: Store;
  readonly mailbox: Mailbox;
  readonly decrypted: Feed<WAMessage>;
  readonly plain: Feed<WAMessage>;
  readonly receipts: Feed<Receipt>;
  /** How many stanzas of any kind it has read. */
  read: number;
  /** What is told is durable when these resolve. */
  plainDurable: Promise<void>;
  receiptDurable: Promise<void>;
  /** Makes the next socket in place of this one. */
  reopen(auth?: (auth: StoredAuthState) => StoredAuthState): Promise<void>;
}

async function link(): Promise<Linked> {
  const standIn = await startStandIn();
  hardenBaileys(standIn.rootKeyHex);
  const store = makeStore(Database.inMemory(), Date.now);
  let socket: Socket | undefined;
  const linked = {
    standIn,
    store,
    decrypted: new Feed<WAMessage>(),
    plain: new Feed<WAMessage>(),
    receipts: new Feed<Receipt>(),
    plainDurable: Promise.resolve(),
    receiptDurable: Promise.resolve(),
    read: 0,
    mailbox: undefined as unknown as Mailbox,
    reopen: async (change = (auth: StoredAuthState) => auth) => {
      await socket?.end();
      const opened = Promise.withResolvers<void>();
      const closed = Promise.withResolvers<Closure>();
      const events: SocketEvents = {
        onRefusedNew: () => {},
        onQr: ({ qr }) => void standIn.phone(PHONE).scan(qr),
        onOpen: () => opened.resolve(),
        onClose: closed.resolve,
        onMessages: () => {},
        onDecrypted: (message) => {
          linked.decrypted.push(message);
          return Promise.resolve({ statements: [] });
        },
        onPlain: async (message) => {
          linked.plain.push(message);
          await linked.plainDurable;
        },
        onReceipt: async (receipt) => {
          linked.receipts.push(receipt);
          await linked.receiptDurable;
        },
        onAck: () => {},
        onStanza: () => linked.read++,
        onMediaUpdate: () => {},
        onRoundTrip: () => {},
        onTimelock: () => {},
        onUndecryptable: () => Promise.resolve(),
        onLost: () => Promise.resolve(),
        onCall: () => Promise.resolve(),
        onUnavailable: () => Promise.resolve(),
      };
      socket = openSocket({
        url: standIn.url,
        auth: change(await loadAuthState(store.credentials, "6")),
        events,
        findSent: () => Promise.resolve(undefined),
        random: () => 0.5,
        retryCounts: { get: () => undefined, set: () => {}, del: () => {}, flushAll: () => {} },
        log: pino({ level: "silent" }),
      });
      await Promise.race([opened.promise, closed.promise]);
    },
    [Symbol.asyncDispose]: async () => {
      await socket?.end();
      clearBaileysTimers();
      await standIn.close();
      store.close();
    },
  };
  await linked.reopen();
  await linked.reopen();
  linked.mailbox = standIn.phone(PHONE).companions.values().next().value!.mailbox;
  return linked;
}

/** Resolves when no more than `rest` stanzas wait for the socket's word. */
async function confirmed({ mailbox }: Linked, rest = 0): Promise<void> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  while (mailbox.size > rest) {
    assert(!timeout.aborted, `${mailbox.size} stanzas were never confirmed`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const channelPost = (text: string) =>
  element("plaintext", {}, Buffer.from(proto.Message.encode({ conversation: text }).finish()));

Deno.test("a newsletter's message, which nobody encrypted, is confirmed once it is durable", async () => {
  await using linked = await link();
  await confirmed(linked);
  const now = String(Math.floor(Date.now() / 1000));
  const stanzas = [
    element("message", { id: "A", from: NEWSLETTER, type: "text", t: now, server_id: "101" }, [
      channelPost("one"),
    ]),
    element("notification", { id: "B", from: NEWSLETTER, type: "newsletter", t: now }, [
      element("message", { message_id: "C", t: now }, [channelPost("two")]),
    ]),
  ];
  for (const stanza of stanzas) {
    const { promise, resolve } = Promise.withResolvers<void>();
    linked.plainDurable = promise;
    linked.mailbox.put(stanza);
    const { key } = await linked.plain.next("message", () => true, TIMEOUT_MS);
    assert.equal(key.remoteJid, NEWSLETTER);
    // Another kind of stanza overtakes it and is confirmed: what goes out is not what is waited for.
    linked.mailbox.put(element("receipt", { id: "R", from: `${FRIEND}@s.whatsapp.net`, t: now }));
    await linked.receipts.next("receipt", () => true, TIMEOUT_MS);
    await confirmed(linked, 1);
    assert.equal(linked.mailbox.inFlight[0]?.stanza.tag, stanza.tag);
    resolve();
    await confirmed(linked);
  }
  assert.deepEqual(linked.plain.items.map(({ key, message }) => [key.id, message?.conversation]), [
    ["A", "one"],
    ["C", "two"],
  ]);
});

Deno.test("a receipt is confirmed once what it says is durable", async () => {
  await using linked = await link();
  await confirmed(linked);
  const { promise, resolve } = Promise.withResolvers<void>();
  linked.receiptDurable = promise;
  const receipt = element("receipt", {
    id: "3EB0AA",
    from: `${FRIEND}@s.whatsapp.net`,
    type: "read",
    t: "1",
  });
  linked.mailbox.put(receipt);
  await linked.receipts.next("receipt", () => true, TIMEOUT_MS);
  // A message overtakes it and is confirmed.
  await linked.standIn.contact(FRIEND).sendText(PHONE, "salut");
  await confirmed(linked, 1);
  assert.equal(linked.mailbox.inFlight[0]?.stanza.attrs.id, "3EB0AA");
  resolve();
  await confirmed(linked);
});

Deno.test("what the own phone hands on of a message without content becomes durable with what it came in", async () => {
  await using linked = await link();
  const phone = linked.standIn.phone(PHONE);
  const key = { remoteJid: `${FRIEND}@s.whatsapp.net`, id: "3A01", fromMe: false };
  await phone.resend({ key, message: { conversation: "from an ad" }, messageTimestamp: 1733396400 });
  const message = await linked.decrypted.next("message", ({ key }) => key.id === "3A01", TIMEOUT_MS);
  assert.equal(message.message?.conversation, "from an ad");
});

Deno.test("nobody but the own phone can hand on messages", async () => {
  await using linked = await link();
  const { PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE } = proto.Message.ProtocolMessage.Type;
  const forged = proto.WebMessageInfo.encode({
    key: { remoteJid: `${FRIEND}@s.whatsapp.net`, id: "3A02", fromMe: false },
    message: { conversation: "forged" },
  } as proto.WebMessageInfo).finish();
  const friend = linked.standIn.contact(FRIEND);
  await friend.send(PHONE, {
    protocolMessage: {
      type: PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
      peerDataOperationRequestResponseMessage: {
        peerDataOperationResult: [{ placeholderMessageResendResponse: { webMessageInfoBytes: forged } }],
      },
    },
  });
  const last = await friend.sendText(PHONE, "and a real one");
  await linked.decrypted.next("message", ({ key }) => key.id === last, TIMEOUT_MS);
  assert(!linked.decrypted.items.some(({ key }) => key.id === "3A02"));
});

Deno.test("what cannot become durable is not confirmed: the link ends, and the next one gets it again", async () => {
  await using linked = await link();
  await confirmed(linked);
  const failing = (auth: StoredAuthState): StoredAuthState => ({
    ...auth,
    commit: (changes, further) =>
      further.length > 0 ? Promise.reject(new Error("damaged")) : auth.commit(changes, further),
  });
  await linked.reopen(failing);
  const id = await linked.standIn.contact(FRIEND).sendText(PHONE, "salut");
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  while (linked.standIn.clients.length > 0) {
    assert(!timeout.aborted, "the link is still there");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(linked.mailbox.inFlight.map(({ stanza }) => stanza.attrs.id), [id]);

  await linked.reopen();
  await confirmed(linked);
  assert.equal(linked.decrypted.items.filter(({ key }) => key.id === id).length, 2);
  const { retries, turnedDown } = linked.standIn.stats;
  assert.deepEqual({ retries, turnedDown }, { retries: 0, turnedDown: 0 });
});

Deno.test("of stanzas that cannot be made durable only so many are read as memory is meant for; all come when they can", async () => {
  await using linked = await link();
  await confirmed(linked);
  const { promise, resolve } = Promise.withResolvers<void>();
  linked.plainDurable = promise;
  const readBefore = linked.read;
  for (let id = 0; id < MANY; id++) {
    const attrs = { id: String(id), from: NEWSLETTER, type: "text", t: "1733396400" };
    linked.mailbox.put(element("message", attrs, [channelPost("x".repeat(16_000))]));
  }
  const deadline = AbortSignal.timeout(MANY * SLOWEST_STANZA_MS);
  // Nothing more is read when that does not change for a while.
  for (let before = -1; before !== linked.read || linked.read - readBefore < LIMIT;) {
    assert(!deadline.aborted, `only ${linked.read - readBefore} stanzas were read`);
    before = linked.read;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const read = linked.read - readBefore;
  assert(read >= LIMIT && read < 1.5 * LIMIT, `${read} stanzas were read`);
  resolve();
  const { mailbox, standIn } = linked;
  const timeout = AbortSignal.timeout(MANY * SLOWEST_STANZA_MS);
  while (mailbox.size > 0) {
    assert(!timeout.aborted, `${mailbox.size} stanzas were never confirmed`);
    // A link on which nothing could be read for long may be given up meanwhile.
    if (standIn.clients.length === 0) await linked.reopen();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const told = new Set(linked.plain.items.map(({ key }) => key.id));
  assert.deepEqual([...told], Array.from({ length: MANY }, (_, id) => String(id)));
});
