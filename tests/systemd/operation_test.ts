import { strict as assert } from "node:assert";
import { ENV_FILE, PHONE, startAppliance } from "./appliance.ts";
import { siteTest } from "./site.ts";

/** What the unit has takes its time; that it is kept is what is tested. */
const IMPATIENT = `[Service]
WatchdogSec=4s
RestartSec=100ms
RestartMaxDelaySec=infinity
`;

const CONNECTED = /^1 number, 1 connected; broker ok; outbox 0$/;

siteTest(
  "worker.service does its job and comes back whatever happens to it",
  async (site, t) => {
    await using appliance = await startAppliance(site);
    const { container, service, stack } = appliance;
    const { backend } = stack;

    await t.step("install.sh installs, enables and starts it on a bare Debian", async () => {
      const { stdout } = await appliance.installFirst();
      assert.match(stdout, /is installed and runs\.\n$/);
      const { active, enabled, restarts } = await service.state();
      assert.deepEqual({ active, enabled, restarts }, { active: "active", enabled: "enabled", restarts: 0 });
      assert.equal(await container.do(["stat", "-c", "%a %U:%G", ENV_FILE]), "640 root:whatsapp-worker\n");
      const watchdog = await container.do(["systemctl", "show", "--value", "-p", "WatchdogUSec", "worker"]);
      assert.equal(watchdog, "30s\n");
    });

    await t.step("a number is opened, its QR scanned, and messages go both ways", async () => {
      await appliance.pair();
      await appliance.exchangeMessages();
    });

    await t.step("systemctl status says how it is, in a sentence", async () => {
      await service.becomes("it has nothing left to tell", ({ status }) => CONNECTED.test(status));
      assert.match(await service.systemctl("status"), /Status: "1 number, 1 connected; broker ok; outbox 0"/);
    });

    await t.step(
      "--check finds nothing wrong beside it, as root and as its user, and leaves nothing",
      async () => {
        const { pid } = await service.state();
        for (const user of ["root", "whatsapp-worker"]) {
          const { code, stdout, stderr } = await appliance.worker(["--check"], user);
          assert.equal(code, 0, `${user}: ${stdout}${stderr}`);
          assert.doesNotMatch(stdout, /^failure/m);
          assert.match(stdout, /^ok +Service state +active \(running\)/m, user);
          assert.ok(!stdout.includes(appliance.password));
        }
        const folders = ["/var/lib/whatsapp-worker", "/var/cache/whatsapp-worker"];
        assert.equal(await container.do(["find", ...folders, "!", "-user", "whatsapp-worker"]), "");
        assert.equal(
          await container.do(["ls", "-A", folders[0]!]),
          "worker.db\nworker.db-shm\nworker.db-wal\nworker.lock\n",
        );
        assert.equal((await service.state()).pid, pid);
        await appliance.exchangeMessages();
      },
    );

    await t.step("systemctl reload takes up the log level and leaves the process as it is", async () => {
      const { pid } = await service.state();
      const moment = await service.now();
      await appliance.set("LOG_LEVEL", "trace");
      await appliance.set("WORKER_NAME", "Renamed");
      await service.systemctl("reload");
      await service.logs(/LOG_LEVEL/, moment);
      await service.logs(/WORKER_NAME/, moment);
      await appliance.exchangeMessages();
      await service.logs(/^TRACE/, moment);
      assert.equal((await service.state()).pid, pid);
      await appliance.set("LOG_LEVEL", "info");
      await service.systemctl("reload");
    });

    await t.step("systemctl reload refuses a faulty file, and the worker runs on", async () => {
      const before = await container.read(ENV_FILE);
      const { pid } = await service.state();
      await container.do(["sh", "-c", `echo 'NO SETTING' >>${ENV_FILE}`]);
      const { code } = await container.run(["systemctl", "reload", "worker"]);
      assert.notEqual(code, 0);
      await container.do(["tee", ENV_FILE], { stdin: before });
      await appliance.exchangeMessages();
      assert.equal((await service.state()).pid, pid);
    });

    await t.step("systemctl restart: connected again without a QR", async () => {
      await service.systemctl("restart");
      await appliance.connectedAgain();
    });

    await t.step("systemctl stop ends it in order, systemctl start brings it back", async () => {
      await service.systemctl("stop");
      const { active, result, exitStatus } = await service.state();
      assert.deepEqual({ active, result, exitStatus }, {
        active: "inactive",
        result: "success",
        exitStatus: 0,
      });
      await service.systemctl("start");
      await appliance.connectedAgain();
    });

    await t.step("kill -9: restarted, and connected again without a QR", async () => {
      const { pid } = await service.state();
      await service.kill("KILL");
      await appliance.connectedAgain();
      const state = await service.becomes("it runs again", ({ active }) => active === "active");
      assert.notEqual(state.pid, pid);
      assert.equal(state.restarts, 1);
    });

    await container.write("/etc/systemd/system/worker.service.d/impatient.conf", IMPATIENT);
    await container.do(["systemctl", "daemon-reload"]);
    await service.systemctl("restart");
    await appliance.connectedAgain();

    await t.step("an event loop that hangs is ended by the watchdog, and the worker restarted", async () => {
      const moment = await service.now();
      await service.kill("STOP");
      await appliance.connectedAgain();
      await service.becomes("it runs again", ({ active, restarts }) => active === "active" && restarts === 1);
      await service.logs(/Watchdog timeout/, moment);
    });

    await t.step("a reboot of the host: it comes up by itself, and the number connects", async () => {
      await container.reboot();
      await appliance.connectedAgain();
      await service.becomes("it runs", ({ active }) => active === "active");
    });

    await t.step("a broker that is not there at boot is waited for", async () => {
      appliance.brokerLink.refuse();
      await container.reboot();
      await service.becomes(
        "it says what it waits for",
        ({ active, status }) => active === "activating" && /^waiting for the broker: /.test(status),
      );
      appliance.brokerLink.restore();
      await service.becomes("it is ready", ({ active }) => active === "active");
      await appliance.connectedAgain();
      assert.equal((await service.state()).restarts, 0);
    });

    await t.step("a crash loop ends", async () => {
      const moment = await service.now();
      await service.systemctl("stop");
      // The start at boot counts, too.
      await service.systemctl("reset-failed");
      const state = "/var/lib/whatsapp-worker";
      await container.do(["mv", `${state}/worker.db`, `${state}/aside`]);
      await container.do(["mkdir", `${state}/worker.db`]);
      await container.run(["systemctl", "start", "worker"]);
      await service.becomes("systemd gives up", ({ active }) => active === "failed", 90_000);
      await service.logs(/Start request repeated too quickly/, moment);
      const starts = (await service.journal(moment)).filter((line) =>
        line.startsWith("Starting worker.service")
      );
      assert.equal(starts.length, 10);
      await container.do(["rmdir", `${state}/worker.db`]);
      await container.do(["mv", `${state}/aside`, `${state}/worker.db`]);
      await service.systemctl("reset-failed");
      await service.systemctl("start");
      await appliance.connectedAgain();
    });

    await t.step("a corrupt settings file: exit code 78, a line for every fault, no restart", async () => {
      const before = await container.read(ENV_FILE);
      await service.systemctl("stop");
      const moment = await service.now();
      await container.do(["tee", ENV_FILE], { stdin: `${before}NO SETTING\nSEND_WAIT=soon\n` });
      await container.run(["systemctl", "start", "worker"]);
      const { active, sub, exitStatus, restarts } = await service.state();
      assert.deepEqual(
        { active, sub, exitStatus, restarts },
        { active: "failed", sub: "failed", exitStatus: 78, restarts: 0 },
      );
      const errors = await service.journal(moment, "err");
      const faults = errors.filter((line) => line.includes("worker.env"));
      assert.equal(faults.length, 2, errors.join("\n"));
      await container.do(["tee", ENV_FILE], { stdin: before });
      await service.systemctl("start");
      await appliance.connectedAgain();
    });

    await t.step("the journal is readable, and has nothing secret in it", async () => {
      const journal = await container.do([
        "journalctl",
        "--unit=worker",
        "--output=cat",
        "--all",
        "--no-pager",
      ]);
      assert.ok(!journal.includes("\x1b"), "no colours");
      assert.doesNotMatch(journal, /\ufffd|\[\d+B blob data\]/);
      assert.ok(!journal.includes(appliance.password));
      const secret = String(stack.environment.WHATSAPP_ROOT_KEY);
      assert.ok(!journal.includes(secret));
      // Phone numbers are masked at the level that is set by default.
      const infos = journal.split("\n").filter((line) => line.startsWith("INFO"));
      assert.ok(infos.length > 0);
      assert.deepEqual(infos.filter((line) => line.includes(PHONE)), []);
    });

    assert.equal(backend.received.filter(({ body }) => body.action === "qr_generated").length, 1);
  },
);
