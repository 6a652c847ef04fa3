// Starts of instances, so many at once as this machine has cores. More would slow each other down until all
// come late, where a region has a machine for each.
import { availableParallelism } from "node:os";

/** Ends a turn. Idempotent. */
export type EndTurn = () => void;

export class Starts {
  #free: number;
  /** First come, first served. */
  readonly #waiting: ((end: EndTurn) => void)[] = [];

  /** @param atOnce at least 1. */
  constructor(atOnce = Math.max(2, availableParallelism())) {
    this.#free = atOnce;
  }

  /** Calls `start` as soon as it is its turn: at once where there is room. Its turn lasts until it ends it. */
  take(start: (end: EndTurn) => void): void {
    this.#waiting.push(start);
    this.#serve();
  }

  #serve(): void {
    while (this.#free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#free--;
      let isOver = false;
      next(() => {
        if (isOver) return;
        isOver = true;
        this.#free++;
        this.#serve();
      });
    }
  }
}
