import { resolve } from "node:path";
import { EXIT } from "../../exit_codes.ts";
import { obstacle } from "../access.ts";
import { type Check, failure, type Finding, ok, type Probe, warning } from "../check.ts";
import { envFileOf, groupName, serviceUser, userOf, workerUser } from "../service.ts";
import { configuration } from "./configuration.ts";

/** Who may read and change the `.env`. That everybody may read its password is a fault of the configuration itself. */
export const configurationFile: Check = {
  id: "configuration.file",
  title: "Configuration file",
  why:
    "Who can change it decides which broker the worker obeys; a service that cannot read it does not start",
  exitCode: EXIT.CONFIG,
  after: [configuration],
  async run(probe) {
    const path = resolve(await envFileOf(probe));
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return { findings: [ok(`no ${path}: every setting is in the environment`, { path, present: false })] };
    }
    return { findings: await judge(path, info, probe) };
  },
};

async function judge(path: string, info: Deno.FileInfo, probe: Probe): Promise<Finding[]> {
  const { root } = probe;
  const owner = await userOf(root, info.uid ?? 0);
  const group = await groupName(root, info.gid);
  const service = await serviceUser(probe);
  const mode = ((info.mode ?? 0) & 0o777).toString(8).padStart(4, "0");
  const facts = { path, present: true, mode, owner: owner.name, group, serviceUser: service?.name ?? null };
  // Whoever is that user has just read it.
  const blocking = service && service.uid !== Deno.uid() ? await obstacle(path, service, ["r"]) : undefined;
  if (service !== undefined && blocking !== undefined) {
    return [failure({
      code: "unreadable_for_service",
      found: `The service runs as user '${service.name}', and '${blocking}' does not let it read ${path}`,
      remedy: blocking === path
        ? `chown root:${service.name} '${path}'; chmod 640 '${path}'`
        : `chgrp ${service.name} '${blocking}'; chmod g+x '${blocking}'`,
      facts,
    })];
  }
  const writers = [
    ...((info.mode ?? 0) & 0o020 ? [`group '${group}'`] : []),
    ...((info.mode ?? 0) & 0o002 ? ["every user"] : []),
  ];
  if (writers.length > 0) {
    return [warning({
      code: "writable_for_others",
      found: `It may be changed by ${writers.join(" and ")} (mode ${mode})`,
      remedy: `chmod go-w '${path}'`,
      facts,
    })];
  }
  const worker = await workerUser(probe, probe.valueOf(configuration).SESSION_DIR);
  if (owner.uid !== 0 && owner.uid !== worker.uid) {
    return [warning({
      code: "other_owner",
      found: `It belongs to user '${owner.name}', who is neither root nor the user of the worker`,
      remedy: `chown ${service === undefined ? worker.name : `root:${service.name}`} '${path}'`,
      facts,
    })];
  }
  const reader = service === undefined ? "" : `, readable for '${service.name}', the user of the service`;
  return [ok(`mode ${mode}, of ${owner.name}:${group}${reader}`, facts)];
}
