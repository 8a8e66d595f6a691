import { strict as assert } from "node:assert";
import { startContainer } from "./container.ts";
import { siteTest } from "./site.ts";

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** In place of the worker, and nothing else of the unit is different. */
const DROP_IN = `[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/bin/perl /opt/whatsapp-worker/probes.pl
WatchdogSec=0
Restart=no
`;

/** The probes without the unit, as root. */
const FREE = `mkdir /tmp/state /tmp/cache && cd / &&
  STATE_DIRECTORY=/tmp/state CACHE_DIRECTORY=/tmp/cache exec perl /opt/whatsapp-worker/probes.pl`;

/** What not even root can do in a container, or with what the probe hands over. */
const NEVER_DONE = ["load a module", "set the clock", "open a Bluetooth socket"];

/** How the unit denies: as a right that is missing, or by having the thing not exist. */
const DENIALS = ["EACCES", "EAFNOSUPPORT", "ENOENT", "EPERM", "EROFS"];

siteTest("worker.service denies what a worker never does, and grants what it needs", async ({ image }, t) => {
  await using container = await startContainer(image);
  await container.do(["useradd", "--system", "--user-group", "--no-create-home", "whatsapp-worker"]);
  await container.copyIn(here("../../worker.service"), "/etc/systemd/system/probe.service", 0o644);
  await container.write("/etc/systemd/system/probe.service.d/probe.conf", DROP_IN);
  await container.copyIn(here("probes.pl"), "/opt/whatsapp-worker/probes.pl", 0o644);
  await container.write("/etc/whatsapp-worker/worker.env", "SECRET=1\n", 0o640);
  await container.do(["chown", "-R", "root:whatsapp-worker", "/etc/whatsapp-worker"]);
  // That anybody may write there is no reason that the service may.
  await container.do(["mkdir", "/home/somebody", "/var/lib/other"]);
  await container.do(["chmod", "777", "/home/somebody", "/var/lib/other", "/opt/whatsapp-worker"]);

  const free = results(await container.do(["sh", "-c", FREE]));
  const { code } = await container.run(["systemctl", "start", "probe.service"]);
  const journal = await container.do(["journalctl", "--unit=probe", "--output=cat", "--no-pager"]);
  assert.equal(code, 0, journal);
  const confined = results(journal);
  assert.deepEqual([...confined.keys()], [...free.keys()]);

  for (const [probe, result] of confined) {
    await t.step(`it ${probe}`, () => {
      const name = probe.replace(/^must( not)? /, "");
      if (!NEVER_DONE.includes(name)) {
        assert.equal(free.get(probe), "done", "without the unit, or the probe does not show a thing");
      }
      if (probe.startsWith("must not ")) assert.ok(DENIALS.includes(result), result);
      else assert.equal(result, "done");
    });
  }
});

function results(printed: string): Map<string, string> {
  const lines = printed.matchAll(/^(must(?: not)?): (.*) => (.*)$/gm);
  return new Map([...lines].map(([, expected, name, result]) => [`${expected} ${name}`, result!]));
}
