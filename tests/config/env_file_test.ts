import assert from "node:assert/strict";
import { readEnvText } from "../../src/config/env_file.ts";
import { faultsOf, inShort, load, VALID, withLine } from "./files.ts";

const read = (text: string | Uint8Array) =>
  readEnvText(typeof text === "string" ? new TextEncoder().encode(text) : text, ".env");
const values = (text: string) => {
  const { entries, faults } = read(text);
  assert.deepEqual(faults, []);
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
};
const faults = (text: string | Uint8Array) => inShort(read(text).faults);

Deno.test("readEnvText() reads bare, single and double quoted values, comments and blank lines", () => {
  const text =
    "# a comment with = and 'quote\n\n  \nA=1\n  # another\nB='x # y \"z\" \\d'\nC=\"it's\"\nD=\nE=''\nF=two words\n";
  assert.deepEqual(values(text), { A: "1", B: 'x # y "z" \\d', C: "it's", D: "", E: "", F: "two words" });
  assert.deepEqual(values(text.replaceAll("\n", "\r\n")), values(text), "CRLF throughout means the same");
});

Deno.test("readEnvText() says where an entry's value is", () => {
  const [bare, quoted] = read('é=1\nA=1\nB="2"\n').entries.slice(-2);
  assert.deepEqual([bare?.line, bare?.column, quoted?.line, quoted?.column], [2, 3, 3, 4]);
});

const REFUSED: [name: string, text: string, ...faults: string[]][] = [
  ["a quote that does not close on its line", 'A="x\nB=1"\n', "1:3 unclosed_quote", "2:4 quote_in_value"],
  ["a quote closed by the other kind", "A='x\"\n", "1:3 unclosed_quote"],
  ["text that is no KEY=value", "A=1\n   host:8080/api\n", "2:4 not_an_assignment"],
  ["a key without =", "A\n", "1:1 not_an_assignment"],
  ["a key given twice", "A=1\nB=2\nA=1\n", "3:1 duplicate_key"],
  ["a lower-case key", "log_level=info\n", "1:1 bad_key"],
  ["a key that starts with a digit", "1A=1\n", "1:1 bad_key"],
  ["a key with a dash", "A-B=1\n", "1:1 bad_key"],
  ["no key at all", "=1\n", "1:1 bad_key"],
  ["export", "export A=1\n", "1:1 bad_key"],
  ["blanks before a key", "  A=1\n", "1:1 bad_key"],
  ["blanks around the =", "A = 1\n", "1:1 bad_key", "1:4 blank_around_value"],
  ["a blank before a bare value", "A= 1\n", "1:3 blank_around_value"],
  ["a blank after a bare value", "A=1 \n", "1:4 blank_around_value"],
  ["a no-break space after a bare value", "A=1\u00a0\n", "1:4 blank_around_value"],
  ["text after a closing quote", 'A="x"y\n', "1:6 text_after_quote"],
  ["a comment after a closing quote", 'A="x" # why\n', "1:6 text_after_quote"],
  ["a second quoted text", 'A="x" "y"\n', "1:6 text_after_quote"],
  ["a # in a bare value", "A=x#y\n", "1:4 comment_in_value"],
  ["a quote inside a bare value", "A=it's\n", "1:5 quote_in_value"],
  ["backticks, which only some readers take for quotes", "A=`x`\n", "1:3 quote_in_value"],
  ["a backslash in double quotes", 'A="x\\ny"\n', "1:5 backslash"],
  ["a backslash before the closing single quote", "A='x\\'\n", "1:5 backslash"],
  ["a control character", "A=x\x1b[200~\n", "1:4 control_character"],
  ["a tab in a value", "A=x\ty\n", "1:4 control_character"],
  ["a form feed in a comment", "# \f\n", "1:3 control_character"],
  ["an invisible character", "A=x\u200by\n", "1:4 control_character"],
  ["a line separator in a comment", "# x\u2028A=1\n", "1:4 control_character"],
  ["a NUL byte", "A=x\0\n", "1:4 nul"],
  ["a byte-order mark", "\ufeffA=1\n", "1:1 byte_order_mark"],
  ["mixed line ends", "A=1\nB=2\r\nC=3\n", "2:4 mixed_line_ends"],
  ["lone carriage returns", "A=1\rB=2\r", "1:4 mixed_line_ends"],
  ["a last line without its newline", "A=1\nB=2", "2:4 no_final_newline"],
  ["a directive that is none", "# worker: alow X_\nA=1\n", "1:1 bad_directive"],
  ["an allowed prefix without its _", "# worker: allow X\nA=1\n", "1:1 bad_directive"],
  ["a lost line of a file that declares its settings", "# worker: settings 2\nA=1\n", "1:1 settings_count"],
];
for (const [name, text, ...expected] of REFUSED) {
  Deno.test(`readEnvText() refuses ${name}`, () => assert.deepEqual(faults(text), expected));
}

Deno.test("readEnvText() refuses invalid UTF-8 and says where", () => {
  assert.deepEqual(faults(new Uint8Array([65, 61, 49, 10, 66, 61, 0xc3, 10])), ["2:3 invalid_utf8"]);
});

Deno.test("readEnvText() refuses UTF-16 as what it is", () => {
  const utf16 = new Uint8Array([0xff, 0xfe, ...[..."A=1\n"].flatMap((char) => [char.charCodeAt(0), 0])]);
  assert.ok(faults(utf16).some((fault) => fault.endsWith("nul")));
});

Deno.test("readEnvText() counts columns in characters", () => {
  assert.deepEqual(faults('A="😀" x\n'), ["1:6 text_after_quote"]);
});

Deno.test("loadConfig() says all faults at once, in the order of the file", async () => {
  const text = withLine("WORKER_NAME", 'WORKER_NAME="Worker 1').replace("LOG_LEVEL=info", "LOG_LEVL=info ") +
    "LOG_PRETTY=true\nnonsense";
  assert.deepEqual(inShort(await faultsOf(text)), [
    "3:13 unclosed_quote",
    "17:1 unknown_key",
    "17:14 blank_around_value",
    "20:1 duplicate_key",
    "21:1 not_an_assignment",
    "21:9 no_final_newline",
    "- missing_key",
  ]);
});

Deno.test("loadConfig() suggests the nearest key for an unknown one", async () => {
  for (
    const [typo, meant] of [["LOG_LEVL", "LOG_LEVEL"], ["WOKRER_ID", "WORKER_ID"], [
      "RABBIT_URL",
      "RABBITMQ_URL",
    ]] as const
  ) {
    const fault = (await faultsOf(withLine(meant, `${typo}=1`))).find(({ code }) => code === "unknown_key");
    assert.match(
      `${fault?.message}; ${fault?.remedy}`,
      new RegExp(`nearest known one is ${meant}; Write ${meant}`),
    );
  }
  const [foreign] = await faultsOf(`${VALID}ZZZZ=1\n`);
  assert.equal(foreign?.message, "This key is not known", "nothing is suggested where nothing is near");
});

Deno.test("loadConfig() lets the keys of a declared prefix pass, but no prefix of its own keys", async () => {
  const more = "POSTGRES_PASSWORD='a=b'\n";
  await load(`# worker: allow POSTGRES_\n${VALID}${more}`);
  assert.deepEqual(inShort(await faultsOf(`${VALID}${more}`)), ["20:1 unknown_key"]);
  assert.deepEqual(inShort(await faultsOf(`# worker: allow LOG_\n${VALID}LOG_LEVLE=info\n`)), [
    "1:1 bad_directive",
  ]);
  assert.deepEqual(
    inShort(await faultsOf(`# worker: allow POSTGRES_\n${VALID}POSTGRES_DB=dLOG_LEVEL=info\n`)),
    [
      "21:14 holds_assignment",
    ],
  );
});

Deno.test("loadConfig() refuses a comment that a line was lost in, not one that speaks of a setting", async () => {
  for (
    const comment of [
      "# LogsLOG_LEVEL=debug",
      "#RVAL=30000",
      "# LOG_LEVEL=debugSEND_WAIT=5000",
      "# 5000ND_WAIT=1",
    ]
  ) {
    assert.deepEqual((await faultsOf(`${comment}\n${VALID}`)).map(({ code, line }) => [code, line]), [[
      "swallowed_assignment",
      1,
    ]]);
  }
  for (
    const comment of [
      "# LOG_LEVEL=debug",
      "#LOG_LEVEL=debug",
      "# set LOG_LEVEL=debug",
      "# (LOG_LEVEL=debug)",
      "# DATABASE_URL=x",
    ]
  ) {
    await load(`${comment}\n${VALID}`);
  }
});
