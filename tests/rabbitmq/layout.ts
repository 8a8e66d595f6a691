/**
 * What a private broker consists of before it runs: a folder, ports, a password, and the settings and environment
 * made from them. Everything RabbitMQ writes lies in the folder, everything it listens on is on 127.0.0.1.
 */

/** Where a private broker is; plain data, so that it can be handed to another process. */
export interface BrokerLayout {
  /** The folder that holds all of the broker's files. */
  folder: string;
  /** RabbitMQ's own scripts. */
  scripts: string;
  /** AMQP. */
  port: number;
  /** The management plugin's HTTP API: it makes a vhost in 20 ms, where `rabbitmqctl` takes a second. */
  httpPort: number;
  /** Erlang's distribution, for `rabbitmqctl`. */
  distributionPort: number;
  /** Erlang's name service. A port of its own makes it a service of its own, that ends with the broker. */
  epmdPort: number;
  /** The broker's only user, administrator and allowed in every vhost. */
  user: string;
  /** That user's password, random for each broker. */
  password: string;
}

/**
 * A new layout with its folder and configuration written.
 *
 * @param scripts the folder of RabbitMQ's scripts
 * @param config further lines for `rabbitmq.conf`
 */
export async function makeLayout(scripts: string, config: readonly string[] = []): Promise<BrokerLayout> {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-rabbitmq-" });
  const [port, httpPort, distributionPort, epmdPort] = freePorts(4) as [number, number, number, number];
  const layout: BrokerLayout = {
    folder,
    scripts,
    port,
    httpPort,
    distributionPort,
    epmdPort,
    user: "test",
    password: randomHex(12),
  };
  await Deno.mkdir(`${folder}/home`, { mode: 0o700 });
  await Deno.writeTextFile(`${folder}/home/.erlang.cookie`, randomHex(24), { mode: 0o400 });
  await Deno.writeTextFile(`${folder}/enabled_plugins`, "[rabbitmq_management].\n");
  await Deno.writeTextFile(`${folder}/rabbitmq.conf`, [...settings(layout), ...config, ""].join("\n"));
  return layout;
}

function settings({ port, httpPort, user, password }: BrokerLayout): string[] {
  return [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    "tcp_listen_options.nodelay = true",
    "management.tcp.ip = 127.0.0.1",
    `management.tcp.port = ${httpPort}`,
    "management_agent.disable_metrics_collector = true",
    `default_user = ${user}`,
    `default_pass = ${password}`,
    "loopback_users = none",
    "log.console = false",
    "log.file.level = info",
    "vm_memory_high_watermark.absolute = 2GB",
    "disk_free_limit.absolute = 50MB",
  ];
}

/** The environment in which RabbitMQ's scripts find this broker and nothing of the system's. */
export function brokerEnvironment(layout: BrokerLayout): Record<string, string> {
  const { folder, distributionPort, epmdPort } = layout;
  const loopbackOnly = "-kernel inet_dist_use_interface {127,0,0,1}";
  return {
    PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
    HOME: `${folder}/home`,
    LANG: "C.UTF-8",
    RABBITMQ_NODENAME: "test@localhost",
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
    RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/advanced.config`,
    RABBITMQ_GENERATED_CONFIG_DIR: `${folder}/config`,
    RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_PID_FILE: `${folder}/pid`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
    RABBITMQ_FEATURE_FLAGS_FILE: `${folder}/feature_flags`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: loopbackOnly,
    RABBITMQ_SERVER_ERL_ARGS:
      "+P 1048576 +t 5000000 +stbt db +zdbbl 128000 +sbwt none +sbwtdcpu none +sbwtdio none",
    RABBITMQ_CTL_ERL_ARGS: loopbackOnly,
    // The script then becomes the server instead of starting it, so that its process id is the server's.
    RUNNING_UNDER_SYSTEMD: "true",
  };
}

/** A port on which nobody listens, for what a broker listens on beside the usual. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/**
 * Ports on which nobody listens, below those that the system gives to outgoing connections: a broker that is
 * down for a moment does not lose its port to one of them.
 */
function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
    const port = 20_000 + random % 12_000;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      ports.add(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return [...ports];
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
