import { strict as assert } from "node:assert";
import { networkFault } from "../../src/preflight/network_faults.ts";
import type { Stage } from "../../src/preflight/endpoint.ts";

const BROKER = {
  host: "rabbit.example",
  port: 5671,
  tls: true,
  service: "RabbitMQ",
  setting: "RABBITMQ_URL",
} as const;

const TIMEOUT = new DOMException("Not done within 4000 ms", "TimeoutError");
const withCode = (code: string) => Object.assign(new Error(`message of ${code}`), { code });

const CASES: [error: unknown, stage: Stage, code: string, remedy: RegExp][] = [
  [withCode("ENOTFOUND"), "DNS", "dns_not_found", /getent hosts rabbit\.example/],
  [withCode("EAI_AGAIN"), "DNS", "dns_unavailable", /resolv\.conf/],
  [TIMEOUT, "DNS", "dns_unavailable", /resolv\.conf/],
  [withCode("ECONNREFUSED"), "TCP", "refused", /host and port in RABBITMQ_URL/],
  [withCode("ETIMEDOUT"), "TCP", "timeout", /nc -vz rabbit\.example 5671/],
  [TIMEOUT, "TCP", "timeout", /firewall/],
  [withCode("EHOSTUNREACH"), "TCP", "no_route", /ip route get/],
  [withCode("ECONNRESET"), "TLS", "reset", /proxy or firewall/],
  [withCode("ERR_TLS_CERT_ALTNAME_INVALID"), "TLS", "tls_name", /name that is on the certificate/],
  [withCode("SELF_SIGNED_CERT_IN_CHAIN"), "TLS", "tls_untrusted", /in RABBITMQ_CA_FILE/],
  [withCode("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS", "tls_client", /RABBITMQ_CERT_FILE/],
  [withCode("CERT_HAS_EXPIRED"), "TLS", "tls_expired", /clock/],
  [withCode("ERR_SSL_WRONG_VERSION_NUMBER"), "TLS", "tls_not_spoken", /5671/],
  [withCode("ERR_SSL_SOMETHING"), "TLS", "tls_failed", /openssl s_client -connect rabbit\.example:5671/],
  [withCode("EWHATEVER"), "TCP", "network_failed", /nc -vz/],
  ["not even an error", "TCP", "network_failed", /nc -vz/],
];

Deno.test("networkFault() has words and a remedy of its own for every way to fail", () => {
  for (const [error, stage, code, remedy] of CASES) {
    const fault = networkFault(error, BROKER, stage);
    assert.deepEqual([fault.code, fault.subject], [code, stage]);
    assert.match(fault.remedy, remedy);
    assert.match(fault.found, /rabbit\.example/);
  }
});
