/** The names of everything the workers of one deployment share in a vhost, and of what each number and worker owns there. */
export interface BrokerNames {
  /** The queues of the contract. */
  readonly messageSend: string;
  readonly sessionUpdate: string;
  /** The backend's exchange. */
  readonly exchange: string;
  /** Whoever consumes it is the reader. */
  readonly routerLock: string;
  /** The fleet's own copies of what the backend publishes through its exchange. */
  readonly sessionCommand: string;
  readonly healthCommand: string;
  /** Commands for a number that no worker has: every worker takes them, the one with the fewest sessions first. */
  readonly unassigned: string;
  /** Direct exchange in front of the workers' inboxes. */
  readonly router: string;
  /** Commands that could not be routed yet wait in `retry` and come back through `pending`. */
  readonly retry: string;
  readonly pending: string;
  /** Sends that their number may not hand over yet, and that others may pass; they come back through `pending` as well. */
  readonly parked: string;
  /** Holds one message once a command has come through the backend's exchange: every worker of the fleet is to know. */
  readonly wiringNote: string;
  /** Sends that waited too long. */
  readonly expired: string;
  readonly deadLetter: string;
  /** Commands for one worker. */
  inbox(workerId: string): string;
  /** Messages to send from one number; its exclusive consumer holds the lease on the number. */
  number(numberId: string): string;
}

/** The names under `prefix` (`whatsapp` → `whatsapp.router.lock`). */
export function brokerNames(
  prefix: string,
  backend: { messageSend: string; sessionUpdate: string; exchange: string },
): BrokerNames {
  return {
    ...backend,
    routerLock: `${prefix}.router.lock`,
    sessionCommand: `${prefix}.session.command`,
    healthCommand: `${prefix}.health.command`,
    unassigned: `${prefix}.router.unassigned`,
    router: `${prefix}.router`,
    retry: `${prefix}.router.retry`,
    pending: `${prefix}.router.pending`,
    parked: `${prefix}.router.parked`,
    wiringNote: `${prefix}.router.wiring`,
    expired: `${prefix}.router.expired`,
    deadLetter: `${prefix}.dead-letter`,
    inbox: (workerId) => `${prefix}.worker.${workerId}.inbox`,
    number: (numberId) => `${prefix}.number.${numberId}`,
  };
}

/** The routing keys of the router exchange. */
export const routingKey = {
  worker: (canonicalWorkerId: string): string => `worker.${canonicalWorkerId}`,
  /** Commands for a number, to the inbox of the worker that has it. */
  number: (numberId: string): string => `number.${numberId}`,
  /** Messages to send from a number, to its queue. */
  send: (numberId: string): string => `send.${numberId}`,
};
