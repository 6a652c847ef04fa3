// What a run costs at least and at most, from what is known before it begins: its clients' sizes, their last
// checks, and list prices. A bound and no prediction: nobody's behaviour is in it.
import { invocationCost, sumUsd } from "./cost.ts";
import type { PriceTable } from "./prices.ts";

/** What is known of a client that a run may invite. */
export interface KnownClient {
  readonly capacity: { readonly memoryMib: number; readonly vcpu: number; readonly timeoutSeconds: number };
  /** Of its last check for this model, else of its data card; null where nobody knows. */
  readonly samples: number | null;
  /** Of a training step; null without a check that made any. */
  readonly stepMs: number | null;
  readonly dataMs: number | null;
}

export interface BoundedRun {
  /** Fewer than all where a target or a budget may end the run. */
  readonly rounds: { readonly least: number; readonly most: number };
  /** Clients that a round invites, at least and at most. */
  readonly invited: { readonly least: number; readonly most: number };
  readonly localEpochs: number;
  readonly batchSize: number;
}

/** Null where nothing is known. */
interface Bound {
  readonly least: number | null;
  readonly most: number | null;
}

export interface RunBound {
  readonly clientInvocations: Bound;
  readonly clientSeconds: Bound;
  readonly clientsUsd: Bound;
}

/**
 * Of one round and of the whole run. A call takes at least the steps that its client's check has timed, and
 * at most its function's time-out, after which it is ended.
 */
export function boundOf(
  clients: readonly KnownClient[],
  run: BoundedRun,
  prices: PriceTable,
): { readonly round: RunBound; readonly run: RunBound } {
  const calls = clients.map((client) => boundOfCall(client, run, prices));
  const { least, most } = run.invited;
  const of = (part: "seconds" | "usd") => ({
    // The cheapest clients at least, the dearest at most.
    least: sumOf(
      calls.map((call) => call[part].least),
      least,
      (a, b) => a - b,
    ),
    most: sumOf(
      calls.map((call) => call[part].most),
      most,
      (a, b) => b - a,
    ),
  });
  const round = {
    clientInvocations: { least, most },
    clientSeconds: of("seconds"),
    clientsUsd: wholeNanos(of("usd")),
  };
  return { round, run: times(round, run.rounds) };
}

function boundOfCall(
  { capacity, samples, stepMs, dataMs }: KnownClient,
  { localEpochs, batchSize }: BoundedRun,
  prices: PriceTable,
): { readonly seconds: Bound; readonly usd: Bound } {
  const mostMs = capacity.timeoutSeconds * 1_000;
  const steps = samples === null ? null : localEpochs * Math.ceil(samples / batchSize);
  const workMs = steps === null || stepMs === null ? null : Math.min(mostMs, steps * stepMs + (dataMs ?? 0));
  const usd = (durationMs: number) => invocationCost({ durationMs, ...capacity }, prices);
  return {
    seconds: { least: workMs === null ? null : workMs / 1_000, most: mostMs / 1_000 },
    usd: { least: workMs === null ? null : usd(workMs), most: usd(mostMs) },
  };
}

/** Of the first `count` in an order; null where one that may be among them is not known, or there are too few. */
function sumOf(
  values: readonly (number | null)[],
  count: number,
  order: (a: number, b: number) => number,
): number | null {
  if (values.length < count || count === 0) return null;
  const known = values.filter((value) => value !== null);
  if (known.length < values.length) return null;
  return known
    .toSorted(order)
    .slice(0, count)
    .reduce((sum, value) => sum + value, 0);
}

function times(round: RunBound, rounds: BoundedRun["rounds"]): RunBound {
  const all = ({ least, most }: Bound): Bound => ({
    least: least === null ? null : least * rounds.least,
    most: most === null ? null : most * rounds.most,
  });
  return {
    clientInvocations: all(round.clientInvocations),
    clientSeconds: all(round.clientSeconds),
    clientsUsd: wholeNanos(all(round.clientsUsd)),
  };
}

function wholeNanos({ least, most }: Bound): Bound {
  return { least: least === null ? null : sumUsd([least]), most: most === null ? null : sumUsd([most]) };
}
