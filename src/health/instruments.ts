import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What every value of a label becomes that is not in the label's list. */
const OTHER = "other";

/** The labels of a metric, each with the only values it takes. */
export type Labels<L extends string> = Readonly<Record<L, readonly string[]>>;
/** One value for each label. */
export type Values<L extends string> = Readonly<Record<L, string>>;

/** A metric, as it is described to people. */
export interface Description {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

/**
 * Makes the metrics of one registry. Whatever they are given, the values of their labels come from a list: the number of
 * series is bounded, and nothing that somebody sent can become one.
 */
export class Instruments {
  /** Its own, and not the one that prom-client has for the whole process. */
  readonly #registry = new Registry();
  readonly #described: Description[] = [];

  /** Every metric, in the order they were made. */
  get described(): readonly Description[] {
    return this.#described;
  }

  /** All there is, in the text format of Prometheus. */
  async text(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** Counts from 0. One with a single label shows all its values from the start, so that the first time is seen too. */
  counter<L extends string = never>(name: string, help: string, labels = {} as Labels<L>) {
    const counter = new Counter(this.#describe("counter", name, help, labels));
    const [label, ...more] = Object.keys(labels) as L[];
    if (label !== undefined && more.length === 0) {
      for (const value of labels[label]) counter.inc({ [label]: value } as Values<L>, 0);
    }
    return (values: Values<L>) => counter.inc(bounded(labels, values));
  }

  /** A counter that somebody else keeps: it is told the total. */
  total(name: string, help: string) {
    const counter = new Counter(this.#describe("counter", name, help, {}));
    return (total: number) => {
      counter.reset();
      counter.inc(total);
    };
  }

  /** A value that is set. */
  gauge<L extends string = never>(name: string, help: string, labels = {} as Labels<L>) {
    const gauge = new Gauge(this.#describe("gauge", name, help, labels));
    return (values: Values<L>, value: number) => gauge.set(bounded(labels, values), value);
  }

  /** A 1 whose labels say something that hardly ever changes; they are this program's own words. */
  info<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    const labels = Object.fromEntries(labelNames.map((label) => [label, []])) as unknown as Labels<L>;
    const gauge = new Gauge(this.#describe("gauge", name, help, labels));
    return (values: Values<L>) => {
      gauge.reset();
      gauge.set(values, 1);
    };
  }

  /** Counts values by size. They are given in ms and shown in seconds, as Prometheus has them. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    bucketsS: readonly number[],
    labels = {} as Labels<L>,
  ) {
    const histogram = new Histogram({
      ...this.#describe("histogram", name, help, labels),
      buckets: [...bucketsS],
    });
    // A clock that is put back must not make a duration negative.
    return (values: Values<L>, ms: number) =>
      histogram.observe(bounded(labels, values), Math.max(0, ms) / 1000);
  }

  #describe<L extends string>(type: Description["type"], name: string, help: string, labels: Labels<L>) {
    const labelNames = Object.keys(labels) as L[];
    this.#described.push({ name, type, labels: labelNames, help });
    return { name, help, labelNames, registers: [this.#registry] };
  }
}

function bounded<L extends string>(labels: Labels<L>, values: Values<L>): Values<L> {
  const known = (Object.keys(labels) as L[]).map((label) => {
    const value = values[label];
    return [label, labels[label].includes(value) ? value : OTHER];
  });
  return Object.fromEntries(known) as Values<L>;
}
