import { EXIT } from "../../exit_codes.ts";
import { type Check, type Finding, isTimeout, messageOf, ok, warning } from "../check.ts";
import { UNIT_NAME } from "../service.ts";
import { askSystemd, NoSystemd, type UnitProperties } from "../systemd_bus.ts";

/** More restarts by systemd than this are no accident. */
const MANY_RESTARTS = 5;
const NEVER = 2n ** 64n - 1n;

/** How systemd has the service: enabled, running, how it ended last. Its properties, where there is such a unit. */
export const serviceState: Check<UnitProperties | undefined> = {
  id: "service.state",
  title: "Service state",
  why: "A service that is not enabled is gone after a reboot; one that is restarted over and over loses time",
  exitCode: EXIT.UNAVAILABLE,
  after: [],
  async run({ root, signal }) {
    let properties: UnitProperties;
    try {
      properties = await askSystemd(UNIT_NAME, root, signal);
    } catch (error) {
      if (!(error instanceof NoSystemd || isTimeout(error))) throw error;
      const found = "not asked: there is no systemd here that answers this user";
      return { findings: [ok(found, { asked: false, said: messageOf(error) })] };
    }
    if (properties.LoadState === "not-found") {
      return { findings: [ok(`systemd has no ${UNIT_NAME}`, { asked: true, loadState: "not-found" })] };
    }
    return { findings: judge(properties), value: properties };
  },
};

function judge(properties: UnitProperties): Finding[] {
  const of = (name: string) => String(properties[name] ?? "");
  const [activeState, enabled, exit] = [of("ActiveState"), of("UnitFileState"), exitOf(properties)];
  const restarts = Number(properties.NRestarts ?? 0);
  const watchdogUs = BigInt(of("WatchdogUSec") || 0);
  const watchdogS = watchdogUs === 0n || watchdogUs === NEVER ? null : Number(watchdogUs) / 1e6;
  const facts = {
    asked: true,
    loadState: of("LoadState"),
    activeState,
    subState: of("SubState"),
    enabled,
    status: of("StatusText"),
    result: of("Result"),
    lastExit: exit ?? null,
    restarts,
    watchdogS,
    needsReload: properties.NeedDaemonReload === true,
    dropIns: properties.DropInPaths,
  };
  const words = [
    `${activeState} (${facts.subState})${facts.status && `: ${facts.status}`}`,
    enabled || "not enabled",
    `last exit: ${exit ?? "none"}`,
    `${restarts} restarts`,
    ...(activeState === "active" ? [watchdogS === null ? "no watchdog" : `watchdog ${watchdogS} s`] : []),
  ];
  const troubles = [
    of("LoadState") !== "loaded" && warning({
      code: "not_loaded",
      found: `systemd cannot use the unit (${of("LoadState")})`,
      remedy: `systemd-analyze verify ${UNIT_NAME}; systemctl daemon-reload`,
    }),
    activeState === "failed" && warning({
      code: "failed",
      found: `The service ended with ${exit ?? "a fault"} (${of("Result")}) and stays down`,
      remedy: `journalctl -u ${UNIT_NAME} -n 50; then: systemctl reset-failed ${UNIT_NAME}; ` +
        `systemctl start ${UNIT_NAME}`,
    }),
    !["enabled", "enabled-runtime", "static", "alias", "indirect", "generated"].includes(enabled) && warning({
      code: "not_enabled",
      found: `The service will not start with the machine (${enabled || "not enabled"})`,
      remedy: `systemctl enable ${UNIT_NAME}`,
    }),
    restarts >= MANY_RESTARTS && warning({
      code: "restarts",
      found: `systemd has restarted the service ${restarts} times since it was started` +
        (exit === undefined ? "" : `, last after ${exit}`),
      remedy: `journalctl -u ${UNIT_NAME} -p warning -n 50`,
    }),
    facts.needsReload && warning({
      code: "reload_needed",
      found: "The unit was changed after systemd had read it",
      remedy: `systemctl daemon-reload; systemctl restart ${UNIT_NAME}`,
    }),
    // What systemd says of a service that does not run is not what the unit asks for.
    watchdogS === null && activeState === "active" && warning({
      code: "no_watchdog",
      found: "Nobody restarts the service when it hangs",
      remedy: `Put back what was changed: systemctl cat ${UNIT_NAME}; WatchdogSec=30s`,
    }),
  ].filter((trouble) => trouble !== false);
  return [ok(words.join(", "), facts), ...troubles];
}

/** How the main process ended last, as a person says it; `undefined` when it never has. */
function exitOf({ ExecMainCode: code, ExecMainStatus: status }: UnitProperties): string | undefined {
  // As siginfo's si_code has it.
  const words: Record<number, string> = {
    1: `exit code ${status}`,
    2: `signal ${status}`,
    3: `signal ${status} and a core dump`,
  };
  return words[Number(code ?? 0)];
}
