import { strict as assert } from "node:assert";
import { decodeMessage, encodeCall, FIXED_HEADER_BYTES, lengthOf } from "../../src/preflight/dbus_wire.ts";
import { askSystemd, NoSystemd } from "../../src/preflight/systemd_bus.ts";
import { ensurePrograms } from "../debian.ts";
import { Machine } from "./machine.ts";

const noDaemon = await ensurePrograms({ "dbus-daemon": "dbus-daemon" }, { log: console.log });
if (noDaemon !== undefined) console.log(`skipped: ${noDaemon}`);

Deno.test("askSystemd() reads every kind of property, signals and pieces in between", async () => {
  await using machine = await Machine.make();
  const properties = {
    Text: "häß",
    Empty: "",
    Number: 7,
    Big: 2n ** 64n - 1n,
    Yes: true,
    List: ["a", "", "ccc"],
  };
  await machine.startSystemd(properties);
  assert.deepEqual(await askSystemd("worker.service", machine.root, AbortSignal.timeout(5_000)), properties);
});

Deno.test("askSystemd() says of every socket why nobody answers there", async () => {
  await using machine = await Machine.make();
  await assert.rejects(
    askSystemd("worker.service", machine.root, AbortSignal.timeout(5_000)),
    (error: Error) =>
      error instanceof NoSystemd &&
      /run\/systemd\/private: .*; .*\/run\/dbus\/system_bus_socket: /.test(error.message),
  );
});

Deno.test("encodeCall() writes what decodeMessage() reads", () => {
  const call = {
    path: "/a",
    interface: "b.c",
    member: "D",
    destination: "e.f",
    parameters: ["x", "", "y".repeat(300)],
  };
  const bytes = encodeCall(1, call);
  assert.equal(lengthOf(bytes), bytes.length);
  assert.deepEqual(decodeMessage(bytes).body, call.parameters);
  assert.throws(() => decodeMessage(bytes.subarray(0, bytes.length - 100)), RangeError);
});

Deno.test("decodeMessage() comes to an end whatever the signature of an array is", () => {
  const call = { path: "/a", interface: "b.c", member: "D", destination: "e.f", parameters: ["", "", ""] };
  const bytes = encodeCall(1, call);
  // That of the body: `sss`.
  const signature = bytes.indexOf("\x03sss", 0, "latin1") + 1;
  // The empty string's length and end are then those of an array.
  bytes.writeUInt32LE(8, lengthOf(bytes.subarray(0, FIXED_HEADER_BYTES)) - bytes.readUInt32LE(4));
  for (const type of ["a()", "a{}", "a(("]) {
    bytes.write(type, signature, "latin1");
    assert.throws(() => decodeMessage(bytes), TypeError, type);
  }
});

Deno.test({
  name: "askSystemd() logs in to a real message bus, which knows no systemd there",
  ignore: noDaemon !== undefined,
  fn: async () => {
    await using machine = await Machine.make();
    const path = `${machine.root}/run/dbus`;
    await Deno.mkdir(path, { recursive: true });
    const daemon = new Deno.Command("dbus-daemon", {
      args: [
        "--session",
        "--nofork",
        "--nopidfile",
        `--address=unix:path=${path}/system_bus_socket`,
        "--print-address",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      const printed = daemon.stdout.getReader();
      await printed.read();
      await printed.cancel();
      await assert.rejects(
        askSystemd("worker.service", machine.root, AbortSignal.timeout(5_000)),
        /GetAll is refused: org\.freedesktop\.(?:systemd1|DBus\.Error)\.\w+/,
      );
    } finally {
      daemon.kill();
      await daemon.status;
    }
  },
});
