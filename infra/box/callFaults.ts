// Scripted faults of the local cloud's servers: the next calls that match fail, with or without having taken
// effect.
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";
import { randomFrom } from "../../shared/core/random.ts";

const common = {
  /** A regular expression on what the call is about; see `targets` of `strike`. Absent: every call. */
  target: z.string().optional(),
  /** Whether the call takes effect before it fails. Production never says ABORTED of a commit that did. */
  applied: z.boolean(),
  /** Calls that match and pass before the first one fails. */
  skip: z.number().int().min(0).default(0),
  /** Calls that fail. */
  times: z.number().int().min(1).default(1),
  /** Share of the calls that fail, 0 to 1 inclusive, drawn from the seed. */
  probability: z.number().min(0).max(1).default(1),
};
/** "lost" is what a client sees when its connection breaks: for gRPC that is the status UNAVAILABLE. */
const rpcAnswer = z.enum([
  "lost",
  "ABORTED",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "RESOURCE_EXHAUSTED",
  "INTERNAL",
  "CANCELLED",
  "UNKNOWN",
  // As where a right is missing, or the database or the queue.
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
]);

/** Which calls of a server fail, and how. Plain data, so that it can come from a JSON file. */
export const CallFault = z.discriminatedUnion("service", [
  z.strictObject({
    service: z.literal("firestore"),
    method: z.enum([
      "BatchGetDocuments",
      "BatchWrite",
      "BeginTransaction",
      "Commit",
      "GetDocument",
      "ListCollectionIds",
      "ListDocuments",
      "Rollback",
      "RunAggregationQuery",
      "RunQuery",
    ]),
    answer: rpcAnswer,
    ...common,
  }),
  z.strictObject({
    service: z.literal("tasks"),
    method: z.enum(["CreateTask", "DeleteTask", "GetTask", "ListTasks"]),
    answer: rpcAnswer,
    ...common,
  }),
  z
    .strictObject({
      service: z.literal("storage"),
      /** Of the HTTP request. */
      method: z.enum(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]),
      /** A status, or the connection is cut. */
      answer: z.union([z.literal("lost"), z.number().int().min(400).max(599)]),
      ...common,
    })
    .refine(({ method, applied }) => !applied || (method !== "GET" && method !== "HEAD"), {
      path: ["applied"],
      message: "a read applies nothing",
    }),
]);
export type CallFault = z.infer<typeof CallFault>;
/** With the defaults left out. */
export type CallFaultInput = z.input<typeof CallFault>;
type Of<Service extends CallFault["service"]> = Extract<CallFault, { service: Service }>;

/** A fault that was injected. */
export interface InjectedFault {
  /** Calls that have failed so far. */
  readonly struck: number;
  /** Lets every call from now on pass. */
  remove(): void;
}

interface Entry {
  readonly fault: CallFault;
  readonly target: RegExp | undefined;
  readonly index: number;
  matched: number;
  struck: number;
}

/** The faults of one local cloud; every server asks it at each call. */
export class CallFaults {
  readonly #seed: number;
  readonly #entries = new Set<Entry>();
  #injected = 0;

  constructor(seed = 0, faults: readonly CallFaultInput[] = []) {
    this.#seed = seed;
    for (const fault of faults) this.inject(fault);
  }

  /** @throws FlError("invalid-argument") for a fault that is out of range. */
  inject(input: CallFaultInput): InjectedFault {
    const parsed = CallFault.safeParse(input);
    if (!parsed.success) {
      const message = `Call fault: ${z.prettifyError(parsed.error)}`;
      throw new FlError("invalid-argument", message, { cause: parsed.error });
    }
    const { target } = parsed.data;
    const entry: Entry = {
      fault: parsed.data,
      target: target === undefined ? undefined : patternOf(target),
      index: this.#injected++,
      matched: 0,
      struck: 0,
    };
    this.#entries.add(entry);
    return {
      get struck() {
        return entry.struck;
      },
      remove: () => this.#entries.delete(entry),
    };
  }

  /**
   * The fault that strikes this call, if any; the first that does counts it.
   *
   * @param targets what the call is about: the full names of documents, of a collection, of a task and its
   *   queue; of a storage request its path and query, decoded. One that matches is enough.
   */
  strike<Service extends CallFault["service"]>(
    service: Service,
    method: string,
    targets: () => readonly string[],
  ): Of<Service> | undefined {
    for (const entry of this.#entries) {
      if (isOf(entry.fault, service) && entry.fault.method === method && this.#hits(entry, targets)) {
        return entry.fault;
      }
    }
    return undefined;
  }

  #hits(entry: Entry, targets: () => readonly string[]): boolean {
    const { fault, target, index } = entry;
    if (entry.struck >= fault.times) return false;
    if (target !== undefined && !targets().some((each) => target.test(each))) return false;
    const place = entry.matched++;
    if (place < fault.skip) return false;
    if (randomFrom(this.#seed, "call-fault", index, place).next() >= fault.probability) return false;
    entry.struck++;
    return true;
  }
}

function isOf<Service extends CallFault["service"]>(
  fault: CallFault,
  service: Service,
): fault is Of<Service> {
  return fault.service === service;
}

function patternOf(target: string): RegExp {
  try {
    return new RegExp(target);
  } catch (cause) {
    throw new FlError("invalid-argument", `Call fault: target is not a regular expression: ${target}.`, {
      cause,
    });
  }
}
