/** A queue of the workers' own is of a kind that cannot do what it is there for. Nothing gets better by waiting. */
export class UnusableQueue extends Error {
  override readonly name = "UnusableQueue";
  readonly code = "queue_unusable";
  readonly remedy: string;

  constructor(queue: string) {
    super(
      `The queue '${queue}' exists and is no classic queue: the broker would let two workers hold it at once`,
    );
    this.remedy =
      `Delete it (rabbitmqctl delete_queue ${queue}, with -p VHOST): the worker makes it as it has to be`;
  }
}
