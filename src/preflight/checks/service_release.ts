import { EXIT } from "../../exit_codes.ts";
import { VERSION } from "../../version.ts";
import { type Check, ok, warning } from "../check.ts";
import { installedRelease } from "../service.ts";

/** The release that the service runs, and whether this program is of it. */
export const serviceRelease: Check = {
  id: "service.release",
  title: "Installed release",
  why: "What one version of the worker says of a machine may not hold for another one",
  exitCode: EXIT.UNAVAILABLE,
  after: [],
  async run({ root }) {
    const installed = await installedRelease(root);
    const own = await ownPath();
    if (installed === undefined) {
      return { findings: [ok("none in /opt/whatsapp-worker", { installed: null, own, version: VERSION })] };
    }
    const facts = { installed, own, version: VERSION };
    if (own.startsWith(`${installed}/`)) return { findings: [ok(`${installed}: this one`, facts)] };
    return {
      findings: [warning({
        code: "another_release",
        found: `The service runs ${installed}, and this check is made by another program, ${own}`,
        remedy: "Check what is installed: whatsapp-worker --check; or install this one: sudo ./install.sh",
        facts,
      })],
    };
  },
};

/** Where this program lies: a compiled one is its own runtime. */
async function ownPath(): Promise<string> {
  if (Deno.build.standalone) return await Deno.realPath(Deno.execPath());
  const { protocol, pathname } = new URL(Deno.mainModule);
  return protocol === "file:" ? await Deno.realPath(decodeURIComponent(pathname)) : Deno.mainModule;
}
