/** Checks of the repository's files. */

import { envExample } from "../../../src/config/env_example.ts";
import { isKey, KEYS } from "../../../src/config/settings.ts";
import { expect, known, type Observations } from "../observations.ts";
import {
  importsOf,
  pinnedVersion,
  reaches,
  sources,
  testFiles,
  text,
  undocumentedExports,
} from "../repository.ts";

const FOLDERS = ["config", "contract", "store", "broker", "whatsapp", "health"];

/** Every named file is there and says something. */
export function filesExist(...paths: readonly string[]): (seen: Observations) => string {
  return (seen) => {
    const sizes = paths.map((path) => `${path} (${text(seen, path).split("\n").length - 1} lines)`);
    return sizes.join(", ");
  };
}

/** The packages are named and locked in exact versions. */
export function versionsArePinned(...names: readonly string[]): (seen: Observations) => string {
  return (seen) => {
    const pinned = names.map((name) => `${name} ${pinnedVersion(seen, name)}`);
    return `${pinned.join(", ")}: exact in deno.json, with checksum in deno.lock`;
  };
}

export function structureHolds(seen: Observations): string {
  const modules = sources(seen);
  for (const folder of FOLDERS) {
    expect(modules.some(([path]) => path.startsWith(`src/${folder}/`)), `There is no src/${folder}/`);
  }
  const breaches = modules.flatMap(([path, content]) =>
    importsOf(path, content).filter((imported) => !mayImport(path, imported)).map((imported) =>
      `${path} → ${imported}`
    )
  );
  expect(breaches.length === 0, `Imports against the structure: ${breaches.join(", ")}`);
  return `${modules.length} modules; src/{${
    FOLDERS.join(",")
  }} keep their borders (tests/architecture_test.ts)`;
}

/** Broker and WhatsApp do not know each other; contract and configuration know nobody. */
function mayImport(path: string, imported: string): boolean {
  const [, from] = /^src\/(\w+)\//.exec(path) ?? [];
  const [, to] = /^src\/(\w+)\//.exec(imported) ?? [];
  if (from === "broker") return to !== "whatsapp";
  if (from === "whatsapp") return to !== "broker";
  if (from === "contract" || from === "config") return to === "contract" || to === "config";
  return true;
}

export function configurationIsCentral(seen: Observations): string {
  const modules = sources(seen);
  const dotenv = modules.filter(([, content]) => /["']npm:dotenv|from "dotenv"/.test(content));
  expect(dotenv.length === 0, `dotenv is imported by ${dotenv.map(([path]) => path).join(", ")}`);
  text(seen, "src/config/settings.ts");
  const bypassing = modules.flatMap(([path, content]) =>
    [...content.matchAll(/Deno\.env\.get\("(\w+)"|process\.env/g)]
      .filter(([, key]) => key === undefined || isKey(key)).map(([what]) => `${path} (${what})`)
  );
  expect(bypassing.length === 0, `Settings are read beside the loader by ${bypassing.join(", ")}`);
  return `one table of ${KEYS.length} settings in src/config, read by the loader alone; dotenv only in tests`;
}

export function unitTestsExist(seen: Observations): string {
  const tests = testFiles(seen);
  const cases = tests.reduce((sum, [, content]) => sum + (content.match(/Deno\.test\(/g)?.length ?? 0), 0);
  const reached = new Set(tests.flatMap(([path]) => [...reaches(seen, path)]));
  const untested = FOLDERS.filter((folder) =>
    ![...reached].some((path) => path.startsWith(`src/${folder}/`))
  );
  expect(
    untested.length === 0 && cases > 0,
    `No test reaches ${untested.map((folder) => `src/${folder}`).join(", ")}`,
  );
  return `${cases} tests in ${tests.length} files reach every folder of src; deno task test runs them`;
}

export function interfacesAreDocumented(seen: Observations): string {
  const { documented, missing } = undocumentedExports(seen);
  expect(missing.length === 0, `${missing.length} exports without a doc comment: ${missing.join(", ")}`);
  expect(documented > 0, "Nothing is exported");
  return `all ${documented} exports of main.ts and src carry a doc comment`;
}

export function qrIsMadeWithQrcode(seen: Observations): string {
  const users = sources(seen).filter(([, content]) => content.includes('from "qrcode"')).map(([path]) =>
    path
  );
  expect(users.length > 0, "No module uses qrcode");
  return `qrcode ${pinnedVersion(seen, "qrcode")} in deno.json, used by ${users.join(", ")}`;
}

export function versionIsTold(seen: Observations): string {
  const told = known(seen.version, "the answer to --version");
  const [, version = ""] = /"([^"]+)"/.exec(text(seen, "src/version.ts")) ?? [];
  expect(version !== "" && told.endsWith(version), `--version says '${told}', src/version.ts '${version}'`);
  const status = seen.events.find(({ body }) => body.action === "worker_status")?.body.data as
    | { version?: string }
    | undefined;
  expect(status?.version === version, `worker_status says ${status?.version}`);
  return `--version and worker_status both say ${version}`;
}

export function readmeIsThere(seen: Observations): string {
  const readme = text(seen, "README.md");
  for (const command of ["deno@2.9.6 task demo", "deno@2.9.6 task test"]) {
    expect(readme.includes(command), `README.md does not name '${command}'`);
  }
  return `README.md (${readme.split("\n").length - 1} lines) names the two commands`;
}

export function documentationIsThere(seen: Observations): string {
  const files = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".env.example"];
  return filesExist(...files)(seen);
}

export function envExampleIsThere(seen: Observations): string {
  const example = text(seen, ".env.example");
  expect(example === envExample(), ".env.example is not what the table of settings generates");
  const keys = example.match(/^[A-Z_]+=/gm)?.length ?? 0;
  return `.env.example is what the table of settings generates: ${keys} to fill in`;
}
