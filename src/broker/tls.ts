import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Settings } from "../config/load.ts";
import { messageOf } from "./reply_codes.ts";

/** The settings that name files for `amqps:`. */
export type TlsSettings = Pick<Settings, "RABBITMQ_CA_FILE" | "RABBITMQ_CERT_FILE" | "RABBITMQ_KEY_FILE">;

/** What a TLS socket is opened with beside host and port; empty where no file is set. */
export interface TlsOptions {
  /** Authorities that are trusted beside the machine's own. */
  readonly ca?: string;
  /** What the worker shows a broker that asks who it is. */
  readonly cert?: string;
  readonly key?: string;
}

/** A file for TLS cannot be read, or is not what its setting says. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
  readonly code = "tls_file";
  constructor(readonly setting: keyof TlsSettings, message: string) {
    super(message);
  }
}

/**
 * Reads what the settings name; read anew for every connection, so that a certificate may be renewed under a running
 * worker.
 *
 * @throws {TlsFileError} as TLS itself would go on without what it cannot read
 */
export async function readTlsFiles(settings: TlsSettings): Promise<TlsOptions> {
  const ca = await read(settings, "RABBITMQ_CA_FILE", (text) => void new X509Certificate(text));
  const cert = await read(settings, "RABBITMQ_CERT_FILE", (text) => void new X509Certificate(text));
  const key = await read(settings, "RABBITMQ_KEY_FILE", (text) => void createPrivateKey(text));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Whether one side did not take the other's certificate: who waits and tries again gets the same answer. */
export function isCertificateFault(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof TlsFileError || /CERT|UNABLE_TO_(GET|VERIFY)|UNKNOWN_CA/.test(String(code));
}

async function read(
  settings: TlsSettings,
  setting: keyof TlsSettings,
  parse: (text: string) => void,
): Promise<string | undefined> {
  const path = settings[setting];
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new TlsFileError(setting, `Cannot read the file '${path}' of ${setting}: ${messageOf(error)}`);
  }
  try {
    parse(text);
  } catch {
    const what = setting === "RABBITMQ_KEY_FILE" ? "private key without a passphrase" : "certificate";
    throw new TlsFileError(setting, `The file '${path}' of ${setting} does not hold a ${what} in PEM`);
  }
  return text;
}
