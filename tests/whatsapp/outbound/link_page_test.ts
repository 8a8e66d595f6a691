import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import { type FileHost, type HostedFile, startFileHost } from "../../file_host.ts";
import { AddressGuard } from "../../../src/whatsapp/media/outgoing/address_guard.ts";
import { factsOfPage } from "../../../src/whatsapp/outbound/link_page.ts";
import { firstLink } from "../../../src/whatsapp/outbound/link_preview.ts";

const signal = new AbortController().signal;

/** What is known of a page that `host` answers with. */
function factsOf(host: FileHost, page: HostedFile, timeoutMs?: number) {
  host.files.set("page", page);
  return factsOfPage(`${host.url}/page`, {
    guard: new AddressGuard([host.host]),
    signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

function html(text: string | Uint8Array, type = "text/html; charset=utf-8") {
  return (response: ServerResponse) =>
    void response.writeHead(200, { "Content-Type": type }).end(Buffer.from(text));
}

Deno.test("factsOfPage() reads what a page says of itself", async () => {
  await using host = await startFileHost();
  const cases: [string, unknown][] = [
    ["<title>A &amp; B\n  C</title>", { title: "A & B C" }],
    [
      `<head><title>plain</title><meta name=description content="for search">
       <meta property="og:title" content="to share"><meta property="og:description" content="é"></head>`,
      { title: "to share", description: "é" },
    ],
    [`<meta name="Description" content="x"><title>t</title>`, { title: "t", description: "x" }],
    [`<title>first</title><body><svg><title>a picture</title></svg>`, { title: "first" }],
    [`<title>t</title><body><meta property="og:title" content="of a comment">`, { title: "t" }],
    [`<meta property="og:title" content="  "><title>t</title>`, { title: "t" }],
    [`<script>var a = "<title>no</title>"</script><title>yes</title>`, { title: "yes" }],
    ["<p>no title</p>", undefined],
    ["", undefined],
  ];
  for (const [page, expected] of cases) assert.deepEqual(await factsOf(host, html(page)), expected, page);
});

Deno.test("factsOfPage() reads pages in the encoding they are sent in, and nothing that is no page", async () => {
  await using host = await startFileHost();
  const latin = Buffer.from("<title>é</title>", "latin1");
  assert.deepEqual(await factsOf(host, html(latin, "text/html;charset=ISO-8859-1")), { title: "é" });
  assert.deepEqual(await factsOf(host, html("<title>x</title>", "text/html; charset=nonsense")), {
    title: "x",
  });
  assert.equal(await factsOf(host, html("<title>x</title>", "application/json")), undefined);
  assert.equal(await factsOf(host, html("<title>x</title>", "image/svg+xml")), undefined);
});

Deno.test("factsOfPage() cuts what is too long", async () => {
  await using host = await startFileHost();
  const page = `<title>${"👍".repeat(400)}</title><meta name=description content="${"d".repeat(2_000)}">`;
  assert.deepEqual(await factsOf(host, html(page)), {
    title: "👍".repeat(300),
    description: "d".repeat(1_000),
  });
});

Deno.test("factsOfPage() reads no more than the beginning of a page that does not end", async () => {
  await using host = await startFileHost();
  let written = 0;
  const endless = (before: string) => (response: ServerResponse) => {
    written = 0;
    response.writeHead(200, { "Content-Type": "text/html" });
    response.write(before);
    const write = () => {
      while (!response.destroyed) {
        written += 65_536;
        if (!response.write("x".repeat(65_536))) return void response.once("drain", write);
      }
    };
    write();
  };
  assert.deepEqual(await factsOf(host, endless("<title>there</title><!--")), { title: "there" });
  assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken`);
  assert.equal(await factsOf(host, endless("<!--")), undefined);
});

Deno.test("factsOfPage() does not wait for a page that takes too long, and does not ask a private address", async () => {
  await using host = await startFileHost();
  const silent = (response: ServerResponse) =>
    void response.writeHead(200, { "Content-Type": "text/html" }).flushHeaders();
  await assert.rejects(factsOf(host, silent, 100), { name: "MediaFailure", code: "media_fetch_failed" });
  await assert.rejects(factsOfPage(`${host.url}/page`, { guard: new AddressGuard([]), signal }), {
    code: "media_url_refused",
  });
  assert.equal(host.requests.length, 1);
});

Deno.test("firstLink() finds the first link of a text, without the punctuation of its sentence", () => {
  const cases: [string, string | undefined][] = [
    ["see https://example.com/a?b=c#d.", "https://example.com/a?b=c#d"],
    ["(https://example.com/a) and http://example.org", "https://example.com/a"],
    ["HTTPS://EXAMPLE.COM/x, yes", "HTTPS://EXAMPLE.COM/x"],
    ["*https://example.com*", "https://example.com"],
    ["no link, ftp://example.com, xhttps://a", undefined],
    ["https://", undefined],
    ["https://[", undefined],
  ];
  for (const [text, link] of cases) assert.equal(firstLink(text), link, text);
});

Deno.test("firstLink() is quick with a text that is made to be slow", () => {
  const startedAt = performance.now();
  for (const run of [".", ")", "'"]) {
    const link = `http://a/${run.repeat(400_000)}b`;
    assert.equal(firstLink(`${link}${run.repeat(400_000)}`), link);
  }
  assert(performance.now() - startedAt < 5_000);
});
