/** What keeps a server from being reached, in words, each with its own remedy. */
import { TlsFileError } from "../broker/tls.ts";
import { isTimeout, messageOf, type Trouble } from "./check.ts";
import type { Endpoint, Stage } from "./endpoint.ts";

type Words = (endpoint: Endpoint, error: unknown) => Pick<Trouble, "code" | "found" | "remedy">;

const at = ({ host, port }: Endpoint) => `${host}:${port}`;

const unknownName: Words = ({ host, setting }) => ({
  code: "dns_not_found",
  found: `No address is known for the name '${host}'`,
  remedy: `Correct the host in ${setting}, or the name service; try: getent hosts ${host}`,
});

const noNameService: Words = ({ host }) => ({
  code: "dns_unavailable",
  found: `The name service does not answer for '${host}'`,
  remedy: `Check this machine's network and /etc/resolv.conf; try: getent hosts ${host}`,
});

const refused: Words = (endpoint) => ({
  code: "refused",
  found: `${at(endpoint)} refuses connections: the machine is there, and nothing listens on that port`,
  remedy: endpoint.service === "RabbitMQ"
    ? `Start RabbitMQ there (systemctl status rabbitmq-server), or correct host and port in ${endpoint.setting}`
    : `Correct host and port in ${endpoint.setting}, or let this machine's firewall pass it; try: ${
      tryIt(endpoint)
    }`,
});

const silent: Words = (endpoint) => ({
  code: "timeout",
  found: `${at(endpoint)} does not answer in time`,
  remedy:
    `A firewall that drops packets, or a machine that is off or hangs: open TCP port ${endpoint.port}; try: ${
      tryIt(endpoint)
    }`,
});

const noRoute: Words = (endpoint) => ({
  code: "no_route",
  found: `There is no way from this machine to ${at(endpoint)}`,
  remedy: `Check this machine's network; try: ip route get ${endpoint.host}`,
});

const reset: Words = (endpoint) => ({
  code: "reset",
  found: `${at(endpoint)} closed the connection at once`,
  remedy: `A proxy or firewall in between, or another service on that port; check ${endpoint.setting}; try: ${
    tryIt(endpoint)
  }`,
});

const wrongName: Words = ({ host, setting }) => ({
  code: "tls_name",
  found: `The certificate is for another name than '${host}'`,
  remedy: `Write the name that is on the certificate into ${setting}, or have one made for '${host}'`,
});

const untrusted: Words = (endpoint) => ({
  code: "tls_untrusted",
  found: `The certificate of ${at(endpoint)} comes from an authority this machine does not trust`,
  remedy:
    (endpoint.service === "RabbitMQ"
      ? "If it is your own authority, name the file with its certificate in RABBITMQ_CA_FILE; "
      : "If it is your own authority, put DENO_CERT=/path/to/ca.pem into the worker's environment (not the .env); ") +
    "else somebody reads along on the way: use another network",
});

const asksWho: Words = (endpoint) => ({
  code: "tls_client",
  found: `${at(endpoint)} asks for a certificate of the worker's, and did not take what it was shown`,
  remedy: endpoint.service === "RabbitMQ"
    ? "Have one made by the authority the broker trusts, and name it and its key in RABBITMQ_CERT_FILE and " +
      "RABBITMQ_KEY_FILE"
    : `Correct ${endpoint.setting}: WhatsApp asks for none`,
});

const badFile: Words = (_endpoint, error) => ({
  code: "tls_file",
  found: messageOf(error),
  remedy: `Correct ${
    error instanceof TlsFileError ? error.setting : "it"
  }, or let the worker's user read the file`,
});

const expired: Words = (endpoint, error) => ({
  code: "tls_expired",
  found: `The certificate of ${at(endpoint)} is not valid today (${messageOf(error)})`,
  remedy: "Check this machine's clock (timedatectl), then have whoever runs that server renew it",
});

const noTls: Words = (endpoint) => ({
  code: "tls_not_spoken",
  found: `What listens on ${at(endpoint)} does not speak TLS`,
  remedy: endpoint.service === "RabbitMQ"
    ? `Use the port for TLS (5671 as a rule), or amqp:// instead of amqps:// in ${endpoint.setting}`
    : `Correct the port in ${endpoint.setting}, or remove the proxy in between`,
});

const tlsFailed: Words = (endpoint, error) => ({
  code: "tls_failed",
  found: `No encrypted connection to ${at(endpoint)}: ${messageOf(error)}`,
  remedy: `Try: openssl s_client -connect ${at(endpoint)} -servername ${endpoint.host}`,
});

const otherwise: Words = (endpoint, error) => ({
  code: "network_failed",
  found: `No connection to ${at(endpoint)}: ${messageOf(error)}`,
  remedy: `Try: ${tryIt(endpoint)}`,
});

const tryIt = ({ host, port }: Endpoint) => `nc -vz ${host} ${port}`;

/** By the code that Node's sockets give. */
const BY_CODE: Readonly<Record<string, Words>> = {
  ENOTFOUND: unknownName,
  ENODATA: unknownName,
  EAI_NONAME: unknownName,
  EAI_AGAIN: noNameService,
  EAI_FAIL: noNameService,
  ECONNREFUSED: refused,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
  EADDRNOTAVAIL: noRoute,
  ECONNRESET: reset,
  EPIPE: reset,
  ERR_TLS_CERT_ALTNAME_INVALID: wrongName,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: expired,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: asksWho,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: asksWho,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: asksWho,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: asksWho,
  tls_file: badFile,
};

/** Whether `error` says that a certificate's authority is not trusted. */
export function isUntrusted(error: unknown): boolean {
  return BY_CODE[String((error as { code?: unknown } | undefined)?.code)] === untrusted;
}

/** The words for `error`, met on the way to `endpoint`. */
export function networkFault(error: unknown, endpoint: Endpoint, stage?: Stage): Trouble {
  const code = (error as { code?: unknown } | undefined)?.code;
  const known = typeof code === "string" ? BY_CODE[code] : undefined;
  const timedOut = stage === "DNS" ? noNameService : silent;
  const words = known ?? (isTimeout(error) ? timedOut : stage === "TLS" ? tlsFailed : otherwise);
  return { ...words(endpoint, error), ...(stage && { subject: stage }) };
}
