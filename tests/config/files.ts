/** Files for the tests of the configuration, kept in memory. */
import { type Config, ConfigError, type Fault, loadConfig } from "../../src/config/load.ts";

/** The settings of the contract, filled in as in the document the project began with. */
export const VALID = `# Worker Configuration
WORKER_ID=worker-1
WORKER_NAME="WhatsApp Worker 1"

RABBITMQ_URL=amqp://guest:s3cr3tPass@broker.example.com:5672
QUEUE_MESSAGE_SEND=whatsapp.message.send
QUEUE_MESSAGE_RECEIVE=whatsapp.message.receive
QUEUE_NUMBER_HEALTH=whatsapp.number.health
QUEUE_SESSION_UPDATE=whatsapp.session.update
BACKEND_API_URL=http://localhost:8080/api
BACKEND_API_KEY=
SESSION_DIR=./sessions
SESSION_TIMEOUT=3600000
MAX_RETRY_ATTEMPTS=3
MESSAGE_TIMEOUT=30000
HEALTH_CHECK_INTERVAL=60000
LOG_LEVEL=info
LOG_PRETTY=true
NODE_ENV=production
`;

/** {@link VALID} with the line of `key` replaced, or a line added. */
export function withLine(key: string, line: string): string {
  const pattern = new RegExp(`^${key}=.*$`, "m");
  return pattern.test(VALID) ? VALID.replace(pattern, () => line) : `${VALID}${line}\n`;
}

/** {@link VALID} with one setting changed or added. */
export const withValue = (key: string, value: string) => withLine(key, `${key}=${value}`);

export interface InMemory {
  environment?: Record<string, string>;
  /** @default 0o600 */
  mode?: number;
  /** Other files than the `.env`, by path. */
  files?: Record<string, { text: string | Uint8Array; mode?: number }>;
}

/** Loads a text as if it were the file `.env`. */
export function load(
  text: string | Uint8Array,
  { environment = {}, mode = 0o600, files = {} }: InMemory = {},
): Promise<Config> {
  const readFile = (path: string) => {
    const file = path === ".env" ? { text, mode } : files[path];
    if (file === undefined) return Promise.reject(new Deno.errors.NotFound("No such file"));
    const bytes = typeof file.text === "string" ? new TextEncoder().encode(file.text) : file.text;
    return Promise.resolve({ bytes, size: bytes.length, mode: 0o100000 | (file.mode ?? 0o600) });
  };
  return loadConfig({ envFile: ".env", environment, readFile });
}

/** The error a loading ends with; fails the test if it does not. */
export async function refusal(loading: Promise<Config>): Promise<ConfigError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("The configuration was accepted");
}

/** The faults of a text. */
export const faultsOf = async (text: string | Uint8Array, options?: InMemory): Promise<readonly Fault[]> =>
  (await refusal(load(text, options))).faults;

/** Faults in short, e.g. `2:13 unclosed_quote`; `- missing_key` where there is no line. */
export const inShort = (faults: readonly Fault[]) =>
  faults.map(({ line, column, code }) => `${line === undefined ? "-" : `${line}:${column}`} ${code}`);
