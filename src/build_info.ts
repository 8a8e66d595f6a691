/** What this program was made of, as `--version` says it. */
import manifest from "../deno.json" with { type: "json" };
import { VERSION } from "./version.ts";

/** What the build knows and the program cannot find out. */
export interface BuildStamp {
  /** The commit it was built from, with `-dirty` behind it when there was more than that; `unknown` outside of git. */
  readonly commit: string;
  /** `compiled`: by `deno compile`. `self-extracting`: a shell script before a compressed Deno and the program. */
  readonly kind: "compiled" | "self-extracting";
}

/** What `--version --json` prints. */
export interface BuildInfo {
  readonly program: "whatsapp-worker";
  readonly version: string;
  readonly commit: string;
  readonly build: BuildStamp["kind"] | "source";
  readonly deno: string;
  readonly baileys: string;
  /** The version of WhatsApp Web that Baileys was published with. */
  readonly whatsappWeb: string;
}

declare global {
  /** Set by the line that the build puts before the bundled program; nobody sets it when it runs from source. */
  var WHATSAPP_WORKER_BUILD: BuildStamp | undefined;
}

/** What this program was built from, and as what. */
export function buildStamp(): Pick<BuildInfo, "commit" | "build"> {
  const { commit, kind } = globalThis.WHATSAPP_WORKER_BUILD ?? { commit: "source", kind: "source" };
  return { commit, build: kind };
}

/** Everything about this build. */
export async function buildInfo(): Promise<BuildInfo> {
  const { BUNDLED } = await import("./whatsapp/session/web_version.ts");
  return {
    program: "whatsapp-worker",
    version: VERSION,
    ...buildStamp(),
    deno: Deno.version.deno,
    baileys: manifest.imports["@whiskeysockets/baileys"].replace(/^.*@/, ""),
    whatsappWeb: BUNDLED.text,
  };
}

/** The same for people. The first line is the name and the version. */
export function renderBuildInfo({ program, version, ...rest }: BuildInfo): string {
  const { commit, build, deno, baileys, whatsappWeb } = rest;
  return [
    `${program} ${version}`,
    `commit        ${commit}`,
    `build         ${build}`,
    `Deno          ${deno}`,
    `Baileys       ${baileys}`,
    `WhatsApp Web  ${whatsappWeb}`,
  ].join("\n");
}
