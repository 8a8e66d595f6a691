import { EXIT } from "../../exit_codes.ts";
import { type Check, ok, warning } from "../check.ts";
import { EMBEDDED_UNIT, installedUnit, UNIT_FILE, UNIT_NAME } from "../service.ts";

/** The unit in systemd's folder, compared with the one this program brings. */
export const serviceUnit: Check<string | undefined> = {
  id: "service.unit",
  title: "Service unit",
  why: "The unit of another version may deny this one what it needs, or let it do what it need not",
  exitCode: EXIT.UNAVAILABLE,
  after: [],
  async run({ root }) {
    const installed = await installedUnit(root);
    if (installed === undefined) return { findings: [ok("not installed", { installed: false })] };
    const same = installed === EMBEDDED_UNIT;
    const facts = { installed: true, same };
    if (same) return { findings: [ok("installed, the one this version brings", facts)], value: installed };
    const findings = [warning({
      code: "another_unit",
      found: `${UNIT_FILE} is not the one that this version brings`,
      remedy: `See: whatsapp-worker print ${UNIT_NAME} | diff ${UNIT_FILE} -. Then: ` +
        `sudo ./install.sh; changes of your own belong into a drop-in (systemctl edit ${UNIT_NAME})`,
      facts,
    })];
    return { findings, value: installed };
  },
};
