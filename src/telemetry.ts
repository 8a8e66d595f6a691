/**
 * What is worth counting, told where it becomes true. Each call returns at once and never throws. Words are handed over as
 * they are: whoever counts bounds them. Without one nothing is counted.
 */
export interface Telemetry {
  /** A socket to WhatsApp is being opened. */
  connecting(): void;
  /** The socket has logged in, this long after it was opened. */
  connected(tookMs: number): void;
  /** The socket was closed, and not by this worker's wish. */
  closed(closure: { readonly code: number; readonly reason: string }): void;
  /** A command is settled, this long after this worker took it; `outcome` as `Sessions.handle` has it, or the code of its failure. */
  command(action: string, outcome: string, tookMs: number): void;
  /** A send is settled: `accepted` by WhatsApp, `repeated` and therefore not sent again, or the code of its failure. */
  sent(type: string, result: string): void;
  /** A send waited for its number's pace, this long from when it was the first of its queue; `reason` as it was last. */
  paced(reason: string, waitedMs: number): void;
  /** WhatsApp's server has taken a message, this long after it was handed to the socket. */
  acknowledged(tookMs: number): void;
  /** A message sent has come this far. */
  status(status: string): void;
  /** A message came in for the backend: it is durable, or had been delivered before and is not told again. */
  received(type: string, outcome: "new" | "repeated"): void;
  /** What has become of the medium of a message that came in: `inline`, `stored` or `failed`. */
  media(outcome: string): void;
  /** A message came in that cannot be decrypted. */
  undecryptable(): void;
  /** The broker has confirmed an event of this type, this long after it became durable. */
  published(type: string, waitedMs: number): void;
  /** A message became a dead letter. */
  deadLetter(reason: string): void;
}
