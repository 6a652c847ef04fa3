// Makes a process slow by stopping it for a share of every tenth of a second.

const periodMs = 100;

export class Throttle {
  readonly #signal: (name: "SIGSTOP" | "SIGCONT") => void;
  readonly #factors = new Set<{ readonly factor: number }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param signal sends a signal to the process; does nothing when there is none any more. */
  constructor(signal: (name: "SIGSTOP" | "SIGCONT") => void) {
    this.#signal = signal;
  }

  /**
   * From now until the function returned is called, the process gets 1/`factor` of the time; the largest
   * factor counts.
   */
  slow(factor: number): () => void {
    const entry = { factor };
    this.#factors.add(entry);
    if (this.#timer === undefined) this.#pause();
    return () => {
      this.#factors.delete(entry);
      if (this.#factors.size === 0) this.end();
    };
  }

  /** Lets the process run again, for good. */
  end(): void {
    this.#factors.clear();
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#signal("SIGCONT");
  }

  #pause(): void {
    const factor = Math.max(...[...this.#factors].map((entry) => entry.factor));
    const runMs = periodMs / factor;
    this.#signal("SIGSTOP");
    this.#timer = setTimeout(() => {
      this.#signal("SIGCONT");
      this.#timer = setTimeout(() => this.#pause(), runMs);
    }, periodMs - runMs);
  }
}
