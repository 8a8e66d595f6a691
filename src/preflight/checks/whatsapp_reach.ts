import { EXIT } from "../../exit_codes.ts";
import type { Check } from "../check.ts";
import { reach, type Reached } from "../network.ts";
import { whatsappEndpoint } from "../whatsapp.ts";
import { configuration } from "./configuration.ts";

/** The way to WhatsApp: name, connection and certificate. */
export const whatsappReach: Check<Reached> = {
  id: "whatsapp.reach",
  title: "WhatsApp network",
  why: "No number can be connected without it",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration],
  run: (probe) => reach(whatsappEndpoint(probe.valueOf(configuration)), probe.signal),
};
