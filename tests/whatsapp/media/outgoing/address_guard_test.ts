import assert from "node:assert/strict";
import { AddressGuard, isPublic } from "../../../../src/whatsapp/media/outgoing/address_guard.ts";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "files.example.com": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
  "rebound.example.com": ["93.184.216.34", "10.0.0.5"],
  "intranet.example.com": ["10.0.0.5"],
  "mapped.example.com": ["::ffff:10.0.0.5"],
};
const { signal } = new AbortController();

function guard(...allowHosts: string[]): AddressGuard {
  return new AddressGuard(allowHosts, (hostname) => {
    const addresses = NAMES[hostname];
    if (addresses === undefined) return Promise.reject(new Error("ENOTFOUND"));
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
  });
}

const asked = async (allowed: AddressGuard, url: string, trusted = false) => {
  try {
    return (await allowed.addressesOf(new URL(url), { trusted, signal })).map(({ address }) => address);
  } catch (error) {
    if (error instanceof MediaFailure) return error.code;
    throw error;
  }
};

Deno.test("isPublic() takes what the internet reaches, and nothing that stands for what it does not", () => {
  for (const address of ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"]) {
    assert.equal(isPublic(address), true, address);
  }
  const closed = [
    [
      "0.0.0.0",
      "0.1.2.3",
      "10.0.0.1",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "127.0.0.1",
      "127.255.255.254",
    ],
    ["169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1"],
    ["255.255.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"],
    [
      "::",
      "::1",
      "fe80::1",
      "febf::1",
      "fc00::1",
      "fd12:3456::1",
      "fec0::1",
      "ff02::1",
      "100::1",
      "2001:db8::1",
    ],
    // IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
    ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::7f00:1", "::ffff:0:7f00:1", "64:ff9b::7f00:1"],
    ["64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::1", "4000::1", "", "localhost", "fe80::1%eth0"],
  ];
  for (const address of closed.flat()) assert.equal(isPublic(address), false, address);
});

Deno.test("addressesOf() refuses private addresses however they are written", async () => {
  const hosts = [
    [
      "127.0.0.1",
      "127.1",
      "0x7f.1",
      "0x7f000001",
      "2130706433",
      "017700000001",
      "0177.0.0.1",
      "0",
      "127.0.0.1.",
    ],
    [
      "%31%32%37.0.0.1",
      "１２７.0.0.1",
      "127。0。0。1",
      "169.254.169.254",
      "0xa9fea9fe",
      "10.1",
      "[::1]",
      "[::]",
    ],
    ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fd00::1]", "[fe80::1]"],
  ];
  for (const host of hosts.flat()) {
    for (const rest of ["", ":8080/x", "/?@example.com", "#.example.com"]) {
      assert.equal(await asked(guard(), `http://${host}${rest}`), "media_url_refused", host + rest);
    }
  }
});

Deno.test("addressesOf() judges every address that a name has", async () => {
  assert.deepEqual(await asked(guard(), "https://files.example.com/a"), NAMES["files.example.com"]);
  for (const name of ["rebound", "intranet", "mapped"]) {
    assert.equal(await asked(guard(), `http://${name}.example.com/`), "media_url_refused", name);
  }
  assert.equal(await asked(guard(), "http://nowhere.example.com/"), "media_fetch_failed");
  assert.equal(await asked(guard(), "http://localhost./"), "media_fetch_failed", "is asked as it is written");
});

Deno.test("addressesOf() refuses a user in the URL, and protocols that are none of the web's", async () => {
  for (const user of ["user@", "user:password@", ":password@", "files.example.com@"]) {
    assert.equal(await asked(guard(), `https://${user}files.example.com/`), "media_url_refused", user);
  }
  for (
    const url of ["ftp://files.example.com/", "file:///etc/passwd", "data:,x", "gopher://files.example.com/"]
  ) {
    assert.equal(await asked(guard(), url), "media_url_refused", url);
  }
});

Deno.test("addressesOf() lets pass the hosts that the operator has named, at the ports named with them", async () => {
  const allowed = guard("intranet.example.com:8080", "10.0.0.7", "[fd00:0::5]:443", "127.0.0.1");
  assert.deepEqual(await asked(allowed, "http://intranet.example.com:8080/"), ["10.0.0.5"]);
  assert.equal(await asked(allowed, "http://intranet.example.com/"), "media_url_refused");
  assert.equal(
    await asked(allowed, "http://10.0.0.5:8080/"),
    "media_url_refused",
    "its address is another host",
  );
  assert.deepEqual(await asked(allowed, "http://10.0.0.7:1234/"), ["10.0.0.7"]);
  assert.deepEqual(await asked(allowed, "https://[fd00::5]/"), ["fd00::5"], "443 is https's own port");
  assert.equal(await asked(allowed, "http://[fd00::5]/"), "media_url_refused");
  assert.deepEqual(await asked(allowed, "http://0x7f.1/"), ["127.0.0.1"], "one way to write what is allowed");
  assert.deepEqual(await asked(guard("intranet.example.com:80"), "http://intranet.example.com"), [
    "10.0.0.5",
  ]);
  assert.deepEqual(await asked(guard(), "http://intranet.example.com/", true), ["10.0.0.5"], "it is trusted");
});

Deno.test("addressesOf() does not wait for a resolver when nobody waits for it", async () => {
  const abort = new AbortController();
  const waiting = new AddressGuard([], () => new Promise(() => {}))
    .addressesOf(new URL("http://slow.example.com/"), { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});
