// Where an invocation's time goes, phase by phase, in milliseconds.
import type { InvocationTimings } from "../../shared/core/schemas/invocation.ts";

type Phases = Omit<InvocationTimings, "reportMs">;

export class Stopwatch {
  readonly #nowMs: () => number;
  readonly #spent: { -readonly [Phase in keyof Phases]: number } = {
    queueWaitMs: 0,
    coldStartMs: 0,
    claimMs: 0,
    downloadMs: 0,
    dataMs: 0,
    trainMs: 0,
    uploadMs: 0,
  };

  /** The one that began last. */
  #phase: keyof Phases = "claimMs";

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The phase that is under way, or was the last. */
  get phase(): keyof Phases {
    return this.#phase;
  }

  set(phase: keyof Phases, ms: number): void {
    this.#spent[phase] = ms;
  }

  /** Adds the time that `work` takes to a phase, whether it succeeds or fails. */
  async time<T>(phase: keyof Phases, work: () => Promise<T>): Promise<T> {
    const startedMs = this.#nowMs();
    this.#phase = phase;
    try {
      return await work();
    } finally {
      this.#spent[phase] = (this.#spent[phase] ?? 0) + Math.max(0, this.#nowMs() - startedMs);
    }
  }

  timings(): Phases {
    return { ...this.#spent };
  }
}
