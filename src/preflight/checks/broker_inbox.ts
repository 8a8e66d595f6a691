import { EXIT } from "../../exit_codes.ts";
import { isFolderLocked } from "../../store/database.ts";
import { brokerFault, isNotFound, namesOf, passively, withBroker } from "../broker.ts";
import { type Check, failure, type Finding, ok } from "../check.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";
import { stateFolder } from "./state_folder.ts";
import { stateHolder } from "./state_holder.ts";

/** Whether another worker goes by this one's name: it reads the commands for it. */
export const brokerInbox: Check = {
  id: "broker.inbox",
  title: "Same WORKER_ID",
  why: "A second worker with a WORKER_ID that is in use does nothing at all until the first one ends",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin, stateFolder, stateHolder],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    const inbox = namesOf(settings).inbox(settings.WORKER_ID);
    const { path } = probe.valueOf(stateFolder);
    try {
      const consumers = await withBroker(settings, probe.signal, (model) => consumersOf(model, inbox));
      // A worker may have started in between.
      const isOwn = probe.valueOf(stateHolder) || consumers > 0 && await isFolderLocked(path);
      return { findings: [judge({ workerId: settings.WORKER_ID, inbox, consumers, isOwn })] };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

async function consumersOf(model: Parameters<typeof passively>[0], queue: string): Promise<number> {
  try {
    return (await passively(model, (channel) => channel.checkQueue(queue))).consumerCount;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

function judge(
  { workerId, inbox, consumers, isOwn }: {
    workerId: string;
    inbox: string;
    consumers: number;
    isOwn: boolean;
  },
): Finding {
  const facts = { workerId, inbox, consumers, running: isOwn };
  if (consumers === 0) {
    return ok(
      isOwn ? "nobody reads the inbox yet: this worker has just started" : `nobody else is '${workerId}'`,
      facts,
    );
  }
  if (isOwn) return ok(`this worker reads '${inbox}'`, facts);
  return failure({
    code: "worker_id_taken",
    found: `Another worker is '${workerId}': it reads '${inbox}', and none runs on this state folder`,
    remedy:
      "Give this worker a WORKER_ID of its own, or end the other one (rabbitmqctl list_connections vhost " +
      "peer_host client_properties); one that was killed is gone after three heartbeats",
    facts,
  });
}
