// What an owner's code says to its log: lines for the owner, and numbers for the run's operator.
import type { Logger } from "../../core/ports/logger.ts";
import { LARGEST_SCORE } from "../../core/schemas/clientScore.ts";
import { MAX_METRICS, MetricName, type Metrics } from "../../core/schemas/metric.ts";
import type { OwnLog } from "./client.ts";

/** The last value of each name. */
export class OwnMetrics {
  readonly #values = new Map<string, number>();
  readonly #warned = new Set<string>();

  /** @param what the code in words */
  log(what: string, log: Logger): OwnLog {
    const own = log.with({ code: what });
    return {
      info: (message, fields) => own.info(message, fields),
      warn: (message, fields) => own.warn(message, fields),
      metric: (name, value) => {
        const why = this.#whyNot(name, value);
        if (why === null) this.#values.set(name, value);
        else if (!this.#warned.has(why)) {
          this.#warned.add(why);
          own.warn("a metric is left out", { name: String(name).slice(0, 100), why });
        }
      },
    };
  }

  values(): Metrics {
    return Object.fromEntries(this.#values);
  }

  #whyNot(name: unknown, value: unknown): string | null {
    const named = MetricName.safeParse(name);
    if (!named.success) {
      return "its name is not 1 to 40 letters, digits, hyphens, underscores and dots, the first a letter";
    }
    if (typeof value !== "number" || !(Math.abs(value) <= LARGEST_SCORE)) {
      return "its value is not a finite number";
    }
    return this.#values.size < MAX_METRICS || this.#values.has(named.data)
      ? null
      : `there are ${MAX_METRICS} of other names`;
  }
}
