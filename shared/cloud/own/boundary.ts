// Between an owner's code and the rest: what it throws goes to the owner's log, and nothing of it further.
import { inspect } from "node:util";
import { FlError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { CodeAbout, CodeKind } from "../../core/schemas/ownCode.ts";

/** How far an error is looked into for one of ours. */
const MAX_CAUSES = 16;

export class Boundary {
  /** The code in words, for messages. */
  readonly what: string;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  /** What our own functions threw into the owner's code: it may come out again. */
  readonly #ours = new WeakSet<FlError>();

  constructor(kind: CodeKind, { name, version }: CodeAbout, log: Logger, signal: AbortSignal) {
    this.what = `The owner's ${kind} ${name} ${version}`;
    this.#log = log;
    this.#signal = signal;
  }

  /** Does what the owner's code asks of us. */
  async ours<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof FlError) this.#ours.add(error);
      throw error;
    }
  }

  /**
   * Runs the owner's code. What is thrown here may be told to other organisations.
   *
   * @throws FlError("failed-precondition") that says only that it failed; FlError("deadline-exceeded") where
   *   it does not end before the signal; an error of ours that it was given as it is
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(this.#late());
      this.#signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      if (this.#signal.aborted) throw this.#late();
      return await Promise.race([aborted, this.#within(work)]);
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  async #within<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const ours = this.#ourErrorIn(error);
      if (ours !== undefined) throw ours;
      // Whatever it throws may hold values of the data.
      this.#log.error("the owner's code failed", { code: this.what, error: asError(error) });
      throw new FlError("failed-precondition", `${this.what} failed: see the owner's log.`, {
        retry: "never",
        reason: "own-code-failed",
      });
    }
  }

  /** The error for what the owner's code has given. */
  wrong(problem: string): FlError {
    return new FlError("failed-precondition", `${this.what} ${problem}.`, {
      retry: "never",
      reason: "own-code-failed",
    });
  }

  #late(): FlError {
    return new FlError("deadline-exceeded", `${this.what} did not end in time.`, {
      retry: "never",
      reason: "own-code-failed",
    });
  }

  #ourErrorIn(error: unknown): FlError | undefined {
    let at = error;
    for (let i = 0; i < MAX_CAUSES && at instanceof Error; i++) {
      if (at instanceof FlError && this.#ours.has(at)) return at;
      at = at.cause;
    }
    return undefined;
  }
}

/** The log writes errors with their stack, and would write an object of another kind field by field. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(inspect(thrown));
}
