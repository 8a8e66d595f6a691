import {
  ConfigError,
  type Fault,
  loadConfig,
  renderFaults,
  type Settings,
  type Source,
} from "../../config/load.ts";
import { KEYS, rowOf } from "../../config/settings.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Check, failure, type Finding, ok, type Trouble, warning } from "../check.ts";

/** The settings: the `.env` with all its faults, the environment over it, and where each value comes from. */
export const configuration: Check<Settings> = {
  id: "configuration",
  title: "Configuration",
  why: "The worker starts only with settings it understands completely, and the other checks need them",
  exitCode: EXIT.CONFIG,
  after: [],
  async run({ envFile, environment }) {
    try {
      const { settings, sources, envFile: file, warnings } = await loadConfig({ envFile, environment });
      const found = ok(inWords(sources, file, settings), { settings: shown(settings, sources) });
      return { findings: [found, ...warnings.map((fault) => warning(troubleOf(fault)))], value: settings };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const faults = error.faults.map((fault) => failure(troubleOf(fault)));
      return { findings: [...diagnosis(error), ...faults] };
    }
  },
};

function troubleOf({ code, file, line, column, key, quoted, message, remedy }: Fault): Trouble {
  const place = [file, line, column].filter((part) => part !== undefined);
  return {
    code,
    ...(place.length > 0 && { subject: place.join(":") }),
    found: message,
    ...(quoted !== undefined && { excerpt: quoted }),
    remedy,
    facts: { file, line, column, key },
  };
}

/** What is to be said of all faults together is what the message has after the last of them. */
function diagnosis({ message, faults }: ConfigError): Finding[] {
  const rendered = renderFaults(faults);
  const text = message.slice(message.lastIndexOf(rendered) + rendered.length).trim();
  const [found = "", remedy = ""] = text.split(": ");
  return text === "" ? [] : [failure({ code: "overwritten", found, remedy: capitalised(remedy) })];
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function inWords(sources: ReadonlyMap<string, Source>, file: string, settings: Settings): string {
  const count = (source: Source) => [...sources.values()].filter((one) => one === source).length;
  return `${count("file")} settings from ${file}, ${count("environment")} from the environment, ` +
    `${count("default")} by default` +
    KEYS.flatMap((fileKey) => {
      const key = rowOf(fileKey).fileOf;
      return key !== undefined && sources.get(key) === "secret file"
        ? `, ${key} from ${settings[fileKey]}`
        : [];
    }).join("");
}

/** Every setting with its value and where that came from; of secrets only whether they are there. */
function shown(
  settings: Settings,
  sources: ReadonlyMap<string, Source>,
): Record<string, { value: unknown; source: Source | undefined }> {
  return Object.fromEntries(KEYS.map((key) => {
    const value: unknown = settings[key];
    const visible = value === undefined
      ? null
      : rowOf(key).secret
      ? masked(String(value))
      : value instanceof Set
      ? [...value]
      : value;
    return [key, { value: visible, source: sources.get(key) }];
  }));
}

function masked(secret: string): string {
  if (!URL.canParse(secret)) return secret === "" ? "" : "***";
  const url = new URL(secret);
  if (url.password !== "") url.password = "***";
  return url.href;
}
