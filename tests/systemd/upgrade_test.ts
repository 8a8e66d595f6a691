import { strict as assert } from "node:assert";
import { type Appliance, NUMBER_ID, startAppliance } from "./appliance.ts";
import { siteTest } from "./site.ts";

const BASE = "/opt/whatsapp-worker";
const STATE = "/var/lib/whatsapp-worker";
const NEWER = "/root/newer";
const WATCH_BROKEN = ["--watch=3"];

/** Room for two releases and not for three. */
const OPT_SIZE = "size=450m,mode=755";

siteTest("install.sh upgrades, goes back by itself, and removes what it is told to", async (site, t) => {
  await using appliance = await startAppliance(site);
  const { container, service, stack } = appliance;
  await container.do(["mount", "-t", "tmpfs", "-o", OPT_SIZE, "tmpfs", "/opt"]);
  await appliance.installFirst();
  await appliance.pair();
  const first = await current(appliance);
  await writeNewer(appliance, site.worker);

  await t.step("the same file again changes nothing", async () => {
    const { pid } = await service.state();
    const { code, stdout } = await appliance.install(["/root/worker"]);
    assert.equal(code, 0);
    assert.match(stdout, /is installed already: nothing to do\.\n$/);
    assert.equal((await service.state()).pid, pid);
  });

  await t.step("half a file is refused, and the service does not notice", async () => {
    await container.do(["sh", "-c", "head -c 20000000 /root/worker >/root/half && chmod +x /root/half"]);
    await assertUntouched(appliance, { file: "/root/half", code: 65, says: /damaged/ });
  });

  await t.step("a disk that is full: refused, and the service does not notice", async () => {
    await container.run(["dd", "if=/dev/zero", "of=/opt/ballast", "bs=1M"]);
    await assertUntouched(appliance, { file: NEWER, code: 73, says: /no room/ });
    await container.do(["rm", "/opt/ballast"]);
  });

  await t.step("two at once: the second one is turned away", async () => {
    await container.do([
      "sh",
      "-c",
      "flock --no-fork /run/whatsapp-worker-install.lock sleep 600 >/dev/null 2>&1 & echo $! >/run/holder",
    ]);
    await assertUntouched(appliance, { file: NEWER, code: 75, says: /Another install\.sh is at work/ });
    await container.do(["sh", "-c", "kill $(cat /run/holder)"]);
  });

  await t.step("--dry-run says what it would do", async () => {
    const { code, stdout } = await appliance.install(["--dry-run", NEWER]);
    assert.equal(code, 0);
    assert.match(stdout, /would .*start the service/);
    assert.equal(await current(appliance), first);
  });

  await t.step("a newer file: the session goes on without a QR", async () => {
    const { code, stdout, stderr } = await appliance.install([NEWER]);
    assert.equal(code, 0, stdout + stderr);
    await appliance.connectedAgain();
    assert.notEqual(await current(appliance), first);
    assert.equal(await previous(appliance), first);
    await appliance.exchangeMessages();
  });

  const newer = await current(appliance);

  await t.step("a file that ends as soon as it is started is rolled back by itself", async () => {
    await writeBroken(appliance, "/root/ends", "exit 70");
    const { code, stderr } = await appliance.install([...WATCH_BROKEN, "/root/ends"]);
    assert.equal(code, 70);
    assert.match(stderr, /Rolled back to release [0-9a-f]+/);
    await appliance.connectedAgain();
    assert.deepEqual([await current(appliance), await previous(appliance)], [newer, first]);
    const { active, restarts } = await service.state();
    assert.deepEqual({ active, restarts }, { active: "active", restarts: 0 });
  });

  await t.step("a file that never gets ready is rolled back by itself", async () => {
    await writeBroken(appliance, "/root/hangs", "exec sleep 600");
    const { code, stderr } = await appliance.install([...WATCH_BROKEN, "/root/hangs"]);
    assert.equal(code, 70);
    assert.match(stderr, /not ready within 3 s/);
    await appliance.connectedAgain();
    assert.deepEqual([await current(appliance), await previous(appliance)], [newer, first]);
    await appliance.exchangeMessages();
  });

  await t.step("--rollback goes to the release before", async () => {
    const { code, stdout, stderr } = await appliance.install(["--rollback"]);
    assert.equal(code, 0, stdout + stderr);
    await appliance.connectedAgain();
    assert.equal(await current(appliance), first);
  });

  await t.step("--status tells of all that", async () => {
    const { code, stdout } = await appliance.install(["--status"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`release +${first}`));
    assert.match(stdout, /service +active \(running\), enabled, restarted 0 times/);
    assert.match(stdout, /status +1 number, 1 connected; broker ok/);
  });

  await t.step("--uninstall removes the program and keeps state and settings", async () => {
    const { code, stdout } = await appliance.install(["--uninstall"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`kept: ${STATE}\n`));
    assert.equal((await container.run(["systemctl", "cat", "worker.service"])).code, 1);
    await container.do(["test", "!", "-e", BASE]);
    await container.do(["test", "-f", `${STATE}/worker.db`]);
    assert.equal(await processes(appliance), "");
  });

  await t.step("installed again, the session is back without a QR", async () => {
    const { code, stdout, stderr } = await appliance.install([NEWER]);
    assert.equal(code, 0, stdout + stderr);
    await appliance.connectedAgain();
    await appliance.exchangeMessages();
  });

  await t.step("--purge leaves nothing", async () => {
    const { code, stdout, stderr } = await appliance.install(["--purge"]);
    assert.equal(code, 0, stdout + stderr);
    const left = ["find", "/etc", "/opt", "/usr", "/var", "-xdev", "(", "-name", "*whatsapp-worker*", "-o"];
    assert.equal(await container.do([...left, "-name", "worker.service*", ")"]), "");
    assert.notEqual((await container.run(["getent", "passwd", "whatsapp-worker"])).code, 0);
    assert.equal(await processes(appliance), "");
  });

  const lastWords = stack.backend.received.filter(({ body }) => body.numberId === NUMBER_ID);
  assert.equal(lastWords.filter(({ body }) => body.action === "qr_generated").length, 1);
});

/** The same program in another file: its first comment is in upper case. */
async function writeNewer({ container }: Appliance, worker: string): Promise<void> {
  const bytes = await Deno.readFile(worker);
  const comment = new TextEncoder().encode("#!/bin/sh\n# ");
  assert.deepEqual(bytes.slice(0, comment.length), comment, "a self-extracting file");
  bytes[comment.length]! ^= 0x20;
  await container.write(NEWER, bytes, 0o755);
}

/** A file that passes whatever the installer asks of it, and then is not what it seems. */
async function writeBroken(appliance: Appliance, path: string, instead: string): Promise<void> {
  await appliance.container.write(
    path,
    `#!/bin/sh
case $1 in --env-file) ${instead} ;; esac
exec ${BASE}/releases/${await current(appliance)}/worker "$@"
`,
    0o755,
  );
}

/** Installs a file that cannot be, and sees the service go on. */
async function assertUntouched(
  appliance: Appliance,
  { file, code, says }: { file: string; code: number; says: RegExp },
): Promise<void> {
  const before = await whatIs(appliance);
  const result = await appliance.install([file]);
  assert.equal(result.code, code, result.stdout + result.stderr);
  assert.match(result.stderr, says);
  assert.deepEqual(await whatIs(appliance), before);
  await appliance.exchangeMessages();
}

async function current({ container }: Appliance): Promise<string> {
  return (await container.do(["readlink", `${BASE}/current`])).trim().replace("releases/", "");
}

async function previous({ container }: Appliance): Promise<string> {
  return (await container.do(["readlink", `${BASE}/previous`])).trim().replace("releases/", "");
}

/** The process that runs and the files it could be started from. */
async function whatIs({ container, service }: Appliance): Promise<unknown> {
  const { active, pid, restarts } = await service.state();
  const files = await container.do(["ls", "-lR", "--time-style=full-iso", `${BASE}/releases`]);
  return { active, pid, restarts, files };
}

/** What still runs of the worker. */
async function processes({ container }: Appliance): Promise<string> {
  const command = "for exe in /proc/[0-9]*/exe; do readlink $exe; done | grep whatsapp-worker || :";
  return await container.do(["sh", "-c", command]);
}
