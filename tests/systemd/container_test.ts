import { strict as assert } from "node:assert";
import { startContainer, until } from "./container.ts";
import { siteTest } from "./site.ts";

siteTest(
  "startContainer() boots a machine whose disk outlives a reboot, and runs commands in it",
  async ({ image }) => {
    await using container = await startContainer(image);
    const echo = ["sh", "-c", "cat; echo complaint >&2; exit 3"];
    const result = await container.run(echo, { stdin: "input" });
    assert.deepEqual(result, { code: 3, stdout: "input", stderr: "complaint\n" });
    await assert.rejects(container.do(["false"]), { code: "command_failed" });
    await assert.rejects(container.run(["sleep", "600"], { timeoutMs: 100 }), { code: "command_timeout" });

    const boot = await container.read("/proc/sys/kernel/random/boot_id");
    await container.write("/etc/a/file", "kept", 0o600);
    await container.reboot();
    assert.equal(await container.read("/etc/a/file"), "kept");
    assert.notEqual(await container.read("/proc/sys/kernel/random/boot_id"), boot);
  },
);

siteTest("startContainer() writes nothing into the image, and stop() leaves nothing", async ({ image }) => {
  const container = await startContainer(image);
  await container.write("/etc/file", "");
  await container.do(["rm", "/etc/hostname"]);
  await container.stop();
  await assert.rejects(Deno.stat(`${image}/etc/file`), Deno.errors.NotFound);
  await Deno.stat(`${image}/etc/hostname`);
  assert.deepEqual(await remainsOf(container.name), []);
});

siteTest(
  "A container is powered off and removed when the process that started it is killed",
  async ({ image }) => {
    const program = `
    import { startContainer } from "${new URL("container.ts", import.meta.url)}";
    console.log((await startContainer(${JSON.stringify(image)})).name);
    setInterval(() => {}, 1000);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", program],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const name = (await reader.read()).value?.trim() ?? "";
    assert.match(name, /^whatsapp-worker-container-/);
    assert.notDeepEqual(await remainsOf(name), []);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await until("nothing is left", async () => (await remainsOf(name)).length === 0, 20_000);
  },
);

/** Processes, folders and control groups of a container. */
async function remainsOf(name: string): Promise<string[]> {
  // The name is read from standard input, or the search would find itself.
  const search = `
    read -r name
    printf '%s' "$name" | grep -lsF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/mountinfo
    find /tmp /run/systemd /sys/fs/cgroup -maxdepth 4 | grep -F "$name"`;
  const child = new Deno.Command("sh", {
    args: ["-c", search],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  })
    .spawn();
  await new Blob([`${name}\n`]).stream().pipeTo(child.stdin);
  const { stdout } = await child.output();
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
}
