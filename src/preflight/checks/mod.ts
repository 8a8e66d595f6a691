/** All checks, in the order of the report; each after those it needs. A new one is a file here and a line below. */
import type { Check } from "../check.ts";
import { brokerLogin } from "./broker_login.ts";
import { brokerQueues } from "./broker_queues.ts";
import { brokerReach } from "./broker_reach.ts";
import { brokerRoundTrip } from "./broker_round_trip.ts";
import { brokerWiring } from "./broker_wiring.ts";
import { configuration } from "./configuration.ts";
import { stateAdoption } from "./state_adoption.ts";
import { stateDatabase } from "./state_database.ts";
import { stateFolder } from "./state_folder.ts";
import { stateHolder } from "./state_holder.ts";
import { stateDisk } from "./state_disk.ts";
import { whatsappReach } from "./whatsapp_reach.ts";
import { whatsappUpgrade } from "./whatsapp_upgrade.ts";

/** The checks of `--check`. */
export const CHECKS: readonly Check[] = [
  configuration,
  stateFolder,
  stateDisk,
  stateDatabase,
  stateHolder,
  stateAdoption,
  brokerReach,
  brokerLogin,
  brokerQueues,
  brokerWiring,
  brokerRoundTrip,
  whatsappReach,
  whatsappUpgrade,
];
