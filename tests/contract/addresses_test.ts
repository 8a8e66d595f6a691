import assert from "node:assert/strict";
import fc from "fast-check";
import {
  backendAddress,
  maskPhone,
  parsePhoneNumber,
  phoneOfJid,
  recipientJid,
  sessionName,
  workerIdMatches,
} from "../../src/contract/addresses.ts";

Deno.test("parsePhoneNumber() reads international numbers however they are spaced", () => {
  for (const text of ["+221771234567", "221771234567", "+221 77 123 45 67", " 221\u00a077\u202f1234567 "]) {
    assert.equal(parsePhoneNumber(text), "221771234567");
  }
  assert.equal(parsePhoneNumber("+1234567"), "1234567");
  assert.equal(parsePhoneNumber("+123456789012345"), "123456789012345");
});

Deno.test("parsePhoneNumber() refuses everything else", () => {
  const refused = [
    "",
    "+",
    "+123456",
    "1234567890123456",
    "0771234567",
    "+221-77-123-45-67",
    "(221) 771234567",
    "221771234567\n",
    "221\t771234567",
    "../../etc/passwd",
    "221771234567/../x",
    "٢٢١٧٧١٢٣٤٥٦٧",
    "1e12345678",
  ];
  for (const text of refused) assert.equal(parsePhoneNumber(text), undefined, JSON.stringify(text));
});

Deno.test("parsePhoneNumber() gives nothing but digits", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[+\d ]{0,20}$/)), (text) => {
      assert.match(parsePhoneNumber(text) ?? "1234567", /^[1-9]\d{6,14}$/);
    }),
  );
});

Deno.test("sessionName() names a session by number and phone", () => {
  assert.equal(sessionName(6, "221771234567"), "session_6_+221771234567");
  assert.equal(sessionName("006", "+221771234567"), "session_6_+221771234567");
  assert.equal(
    sessionName(7212345678901234567n, "221771234567"),
    "session_7212345678901234567_+221771234567",
  );
});

Deno.test("recipientJid() reads phone numbers and every kind of address", () => {
  const expected = {
    "+225 07 01 02 03 04": "2250701020304@s.whatsapp.net",
    "2250701020304@c.us": "2250701020304@s.whatsapp.net",
    "2250701020304@C.US": "2250701020304@s.whatsapp.net",
    "2250701020304@s.whatsapp.net": "2250701020304@s.whatsapp.net",
    "2250701020304:7@s.whatsapp.net": "2250701020304@s.whatsapp.net",
    "123456789012345@lid": "123456789012345@lid",
    "123456789012345:3@lid": "123456789012345@lid",
    "120363012345678901@g.us": "120363012345678901@g.us",
    "2250701020304-1600000000@g.us": "2250701020304-1600000000@g.us",
  };
  for (const [text, jid] of Object.entries(expected)) assert.equal(recipientJid(text), jid);
});

Deno.test("recipientJid() refuses everything else", () => {
  const refused = ["", "@", "x@c.us", "2250701020304@", "2250701020304@example.com", "status@broadcast"];
  for (const text of [...refused, "1@2@c.us", "2250701020304:7", "2250701020304:7@g.us", "..@g.us", "@lid"]) {
    assert.equal(recipientJid(text), undefined, JSON.stringify(text));
  }
});

Deno.test("recipientJid() reads what backendAddress() wrote", () => {
  for (const user of ["2250701020304:7@s.whatsapp.net", "123456789012345@lid", "120363012345678901@g.us"]) {
    assert.equal(recipientJid(backendAddress(user)), recipientJid(user));
  }
});

Deno.test("backendAddress() writes @c.us without device and keeps groups and LIDs", () => {
  assert.equal(backendAddress("2250701020304@s.whatsapp.net"), "2250701020304@c.us");
  assert.equal(backendAddress("2250701020304:12@s.whatsapp.net"), "2250701020304@c.us");
  assert.equal(backendAddress("120363012345678901@g.us"), "120363012345678901@g.us");
  assert.equal(backendAddress("123456789012345:2@lid"), "123456789012345@lid");
  assert.equal(backendAddress("status@broadcast"), "status@broadcast");
});

Deno.test("phoneOfJid() finds the phone of a user and none elsewhere", () => {
  assert.equal(phoneOfJid("2250701020304@s.whatsapp.net"), "+2250701020304");
  assert.equal(phoneOfJid("2250701020304:12@s.whatsapp.net"), "+2250701020304");
  assert.equal(phoneOfJid("2250701020304@c.us"), "+2250701020304");
  for (
    const jid of [
      "123456789012345@lid",
      "120363012345678901@g.us",
      "status@broadcast",
      "0@s.whatsapp.net",
      "",
    ]
  ) {
    assert.equal(phoneOfJid(jid), null);
  }
});

Deno.test("maskPhone() hides the middle of every number in a text", () => {
  assert.equal(maskPhone("+221771234567"), "+221*******67");
  assert.equal(maskPhone("session_6_+221771234567"), "session_6_+221*******67");
  assert.equal(
    maskPhone("from 221771234567@c.us to 2250701020304"),
    "from 221*******67@c.us to 225********04",
  );
  assert.equal(maskPhone("+221 77 123 45 67"), "+221*******67");
  assert.equal(maskPhone("worker-1 after 30 s"), "worker-1 after 30 s");
});

Deno.test("workerIdMatches() takes worker-1 and 1 for one worker, and no other", () => {
  assert(workerIdMatches("worker-1", "worker-1"));
  assert(workerIdMatches("1", "worker-1"));
  assert(workerIdMatches("paris", "paris"));
  assert(!workerIdMatches("2", "worker-1"));
  assert(!workerIdMatches("1", "worker-11"));
  assert(!workerIdMatches("paris", "worker-paris"));
  assert(!workerIdMatches("", "worker-"));
  assert(!workerIdMatches("WORKER-1", "worker-1"));
});
