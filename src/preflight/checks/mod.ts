/** All checks, in the order of the report; each after those it needs. A new one is a file here and a line below. */
import type { Check } from "../check.ts";
import { backendApi } from "./backend_api.ts";
import { brokerExchange } from "./broker_exchange.ts";
import { brokerInbox } from "./broker_inbox.ts";
import { brokerLogin } from "./broker_login.ts";
import { brokerManagement } from "./broker_management.ts";
import { brokerQueues } from "./broker_queues.ts";
import { brokerReach } from "./broker_reach.ts";
import { brokerRoundTrip } from "./broker_round_trip.ts";
import { brokerServer } from "./broker_server.ts";
import { brokerWiring } from "./broker_wiring.ts";
import { clock } from "./clock.ts";
import { configuration } from "./configuration.ts";
import { configurationFile } from "./configuration_file.ts";
import { httpPort } from "./http_port.ts";
import { machineDumps } from "./machine_dumps.ts";
import { machineFiles } from "./machine_files.ts";
import { machineMemory } from "./machine_memory.ts";
import { serviceRelease } from "./service_release.ts";
import { serviceState } from "./service_state.ts";
import { serviceUnit } from "./service_unit.ts";
import { stateAdoption } from "./state_adoption.ts";
import { stateDatabase } from "./state_database.ts";
import { stateFolder } from "./state_folder.ts";
import { stateHolder } from "./state_holder.ts";
import { stateDisk } from "./state_disk.ts";
import { whatsappHandshake } from "./whatsapp_handshake.ts";
import { whatsappReach } from "./whatsapp_reach.ts";
import { whatsappUpgrade } from "./whatsapp_upgrade.ts";
import { whatsappVersion } from "./whatsapp_version.ts";

/** The checks of `--check`. */
export const CHECKS: readonly Check[] = [
  configuration,
  configurationFile,
  stateFolder,
  stateDisk,
  stateDatabase,
  stateHolder,
  stateAdoption,
  brokerReach,
  brokerLogin,
  brokerServer,
  brokerInbox,
  brokerQueues,
  brokerExchange,
  brokerWiring,
  brokerRoundTrip,
  brokerManagement,
  whatsappReach,
  whatsappUpgrade,
  whatsappHandshake,
  whatsappVersion,
  backendApi,
  clock,
  httpPort,
  serviceRelease,
  serviceUnit,
  serviceState,
  machineFiles,
  machineMemory,
  machineDumps,
];
