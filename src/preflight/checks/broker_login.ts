import { EXIT } from "../../exit_codes.ts";
import { brokerEndpoint, brokerFault, brokerLoginOf, withBroker } from "../broker.ts";
import { type Check, failure, type Finding, ok, warning } from "../check.ts";
import { brokerReach } from "./broker_reach.ts";
import { configuration } from "./configuration.ts";

/** What a broker says it is. */
export interface BrokerServer {
  readonly product: string;
  /** `3.10.8`; empty when it does not say. */
  readonly version: string;
}

/** User, password and vhost. */
export const brokerLogin: Check<BrokerServer> = {
  id: "broker.login",
  title: "Broker login",
  why: "A worker that the broker does not let in neither gets commands nor tells what happened",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerReach],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    const { user, password, vhost } = brokerLoginOf(settings);
    const { host } = brokerEndpoint(settings);
    const elsewhere = !probe.valueOf(brokerReach).loopback;
    const startedAt = performance.now();
    try {
      const server = await withBroker(
        settings,
        probe.signal,
        (model) => Promise.resolve(serverOf(model)),
      );
      const ms = Math.round(performance.now() - startedAt);
      const findings: Finding[] = [
        ok(`user '${user}' is let into vhost '${vhost}' of ${server.product} ${server.version}`, {
          user,
          vhost,
          ms,
          ...server,
        }),
      ];
      const isGuest = user === "guest" && password === "guest";
      return {
        findings: isGuest && elsewhere ? [...findings, guestElsewhere(host)] : findings,
        value: server,
      };
    } catch (error) {
      return { findings: [failure(brokerFault(error, settings))] };
    }
  },
};

/** What the broker says of itself. */
function serverOf({ connection }: { connection: unknown }): BrokerServer {
  const { serverProperties = {} } = connection as { serverProperties?: Record<string, unknown> };
  return {
    product: String(serverProperties.product ?? "an unknown broker"),
    version: String(serverProperties.version ?? ""),
  };
}

const guestElsewhere = (host: string) =>
  warning({
    code: "guest_elsewhere",
    found: `The password that every RabbitMQ is installed with lets anybody in who reaches ${host}`,
    remedy:
      "On the broker: rabbitmqctl add_user whatsapp PASSWORD; rabbitmqctl set_permissions whatsapp '.*' '.*' '.*'; " +
      "rabbitmqctl delete_user guest; then put that user into RABBITMQ_URL",
  });
