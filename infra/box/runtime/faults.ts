// Seeded faults of the functions runtime: which request is struck by what is decided by the seed and the
// request alone.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { randomFrom } from "../../../shared/core/random.ts";

const common = {
  /** Name of the function; absent: every function. */
  function: z.string().optional(),
  /** Only requests whose JSON body has one of these values in this top-level field, such as `clientId`. */
  match: z.strictObject({ field: z.string(), in: z.array(z.string()) }).optional(),
  /** Share of the requests concerned that are struck, 0 to 1 inclusive. */
  probability: z.number().min(0).max(1),
  /** Strikes at most so often. Default: no limit. */
  times: z.number().int().min(1).optional(),
};
const rule = <Kind extends string, More extends z.ZodRawShape>(kind: Kind, more: More) =>
  z.strictObject({ kind: z.literal(kind), ...common, ...more });
const afterMs = z.number().min(0);

/** One kind of fault and which calls it affects. Plain data, so that it can come from a JSON file. */
export const FaultRule = z.discriminatedUnion("kind", [
  /** The instance dies before the request reaches it. */
  rule("crash-before", {}),
  /** The instance dies `afterMs` after the request reached it, unless it has answered by then. */
  rule("crash-during", { afterMs }),
  /** The handler finishes, then the instance dies and the answer is lost. */
  rule("crash-after", {}),
  /** The handler finishes, the connection to the caller is cut instead of answered; the instance lives. */
  rule("lost-response", {}),
  /** The request reaches its instance `delayMs` later. */
  rule("delayed", { delayMs: afterMs }),
  /** The process gets 1/`factor` of the time while it serves the request; all it serves then is slow. */
  rule("slow", { factor: z.number().min(1).max(100) }),
]);
export type FaultRule = z.infer<typeof FaultRule>;
export type FaultKind = FaultRule["kind"];

/** What a decision is made on. */
export interface FaultRequest {
  readonly function: string;
  /**
   * Tells this request from all others, the same in every run: the task and its attempt, else its number in
   * line.
   */
  readonly key: string;
  /** The JSON body, when it is an object. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** Whether this rule strikes this request; `times` is left to the caller. Pure. */
export function strikes(rule: FaultRule, index: number, seed: number, request: FaultRequest): boolean {
  if (rule.function !== undefined && rule.function !== request.function) return false;
  if (rule.match !== undefined) {
    const value = request.body?.[rule.match.field];
    if (typeof value !== "string" || !rule.match.in.includes(value)) return false;
  }
  return randomFrom(seed, "fault", index, request.function, request.key).next() < rule.probability;
}

/** The rules of a runtime, with the count of what has struck. */
export class FaultPlan {
  readonly #rules: readonly FaultRule[];
  readonly #seed: number;
  readonly #struck: number[];

  constructor(rules: readonly FaultRule[], seed: number) {
    const parsed = z.array(FaultRule).safeParse(rules);
    if (!parsed.success) {
      throw new FlError("invalid-argument", `Fault rules: ${z.prettifyError(parsed.error)}`, {
        cause: parsed.error,
      });
    }
    this.#rules = parsed.data;
    this.#seed = seed;
    this.#struck = rules.map(() => 0);
  }

  /** Whether a decision on this function may depend on the body. */
  looksAtBody(functionName: string): boolean {
    return this.#rules.some(
      (rule) => rule.match !== undefined && (rule.function === undefined || rule.function === functionName),
    );
  }

  /** The first rule that strikes this request, if any. */
  choose(request: FaultRequest): FaultRule | undefined {
    for (const [index, rule] of this.#rules.entries()) {
      const struck = this.#struck[index] ?? 0;
      if (struck < (rule.times ?? Number.POSITIVE_INFINITY) && strikes(rule, index, this.#seed, request)) {
        this.#struck[index] = struck + 1;
        return rule;
      }
    }
    return undefined;
  }
}
