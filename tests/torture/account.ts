/** The account of a torture: every message by its id, and everything that must not be. */

import { accountForCommands } from "./account_commands.ts";
import { accountForFleet } from "./account_fleet.ts";
import { accountForInbound } from "./account_inbound.ts";
import { accountForSends } from "./account_sends.ts";
import type { Account, Facts } from "./facts.ts";

/** Accounts for everything; clean when there are no holes. */
export function accountFor(facts: Facts): Account {
  const parts = [
    accountForSends(facts),
    accountForInbound(facts),
    accountForCommands(facts),
    accountForFleet(facts),
  ];
  return { counts: parts.flatMap(({ counts }) => counts), holes: parts.flatMap(({ holes }) => holes) };
}
