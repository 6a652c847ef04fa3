// Reads of the local cloud that fail: of those that match, one in so many, with each retryable kind in turn.
import type { Box } from "../../../infra/box/box.ts";
import type { CallFaultInput, InjectedFault } from "../../../infra/box/callFaults.ts";

type Read = Pick<CallFaultInput, "service" | "method" | "answer">;

const RPC_ANSWERS = [
  "UNAVAILABLE",
  "ABORTED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "INTERNAL",
  "RESOURCE_EXHAUSTED",
  "lost",
] as const;
const HTTP_ANSWERS = [503, 408, 429, "lost", 500, 502, 504] as const;

const rpcReads = (method: string) =>
  RPC_ANSWERS.map((answer) => ({ service: "firestore", method, answer }) as Read);

/**
 * Every kind of call that the functions read with, and every way it fails. A transaction begins with its
 * first read.
 */
export const READS = {
  documents: rpcReads("BatchGetDocuments"),
  query: rpcReads("RunQuery"),
  count: rpcReads("RunAggregationQuery"),
  object: HTTP_ANSWERS.map((answer): Read => ({ service: "storage", method: "GET", answer })),
} as const;
export type ReadKind = keyof typeof READS;
const KINDS = Object.keys(READS) as ReadKind[];

interface Plan {
  /** A regular expression on what the read is about; absent: every read. */
  readonly target?: string;
  /** The first read of each kind to fail, from 0. */
  readonly first: number;
  /** From one that fails to the next. */
  readonly every: number;
  /** Of each kind, at most. */
  readonly most: number;
  /** Which way the first one fails, from 0; the others in turn. */
  readonly turn: number;
}

interface Armed {
  readonly kind: ReadKind;
  readonly answer: string;
  readonly fault: InjectedFault;
}

/** What was chosen to fail, and what of it did. */
export class FailingReads {
  readonly #armed: readonly Armed[];

  constructor(box: Box, { target, first, every, most, turn }: Plan) {
    // The last one first: each call goes to the first fault that it hits, and the others do not count it.
    const places = Array.from({ length: most }, (_, index) => index).reverse();
    this.#armed = KINDS.flatMap((kind) =>
      places.map((place): Armed => {
        const reads = READS[kind];
        const read = reads[(place + turn) % reads.length];
        if (read === undefined) throw new Error(`There is no way for a ${kind} to fail.`);
        const matching = { skip: first + place * every, ...(target === undefined ? {} : { target }) };
        const fault = box.inject({ ...read, ...matching, applied: false } as CallFaultInput);
        return { kind, answer: String(read.answer), fault };
      }),
    );
  }

  /** From now on every read succeeds. */
  disarm(): void {
    for (const { fault } of this.#armed) fault.remove();
  }

  /** Each read that failed, as `kind answer`. */
  struck(): readonly string[] {
    return this.#armed.filter(({ fault }) => fault.struck > 0).map(({ kind, answer }) => `${kind} ${answer}`);
  }

  /** Kinds of which more reads were made than could fail, and those of which one passed that was to fail. */
  trouble(): readonly string[] {
    return KINDS.flatMap((kind) => {
      const struck = this.#armed.filter((armed) => armed.kind === kind).map(({ fault }) => fault.struck > 0);
      const last = struck.indexOf(true); // In the order of arming: the last of the reads.
      if (last === 0) return [`${kind}: there were more reads than faults`];
      return last > 0 && struck.lastIndexOf(false) > last ? [`${kind}: a read passed that was to fail`] : [];
    });
  }
}
