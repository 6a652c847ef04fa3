// What a run costs, estimated from what it used. Every amount is a whole number of nanodollars (1e-9 USD): an
// invocation and each kind of operation are rounded once, half up; sums are then exact and do not depend on
// their order.
import { FlError } from "../errors.ts";
import { type OperationKind, operationKinds, type PriceTable } from "./prices.ts";

/** One call of a function, and what its instance has. Instances are taken to serve one call at a time. */
export interface FunctionUse {
  readonly durationMs: number;
  readonly memoryMib: number;
  readonly vcpu: number;
}

export interface RoundUse {
  /** Every call of the round: clients (those that failed too), coordinator, aggregator, evaluator. */
  readonly functions: readonly FunctionUse[];
  /** How often each; absent is 0. */
  readonly operations: Readonly<Partial<Record<OperationKind, number>>>;
}

export interface RoundCost {
  readonly functionsUsd: number;
  readonly operationsUsd: number;
  readonly totalUsd: number;
}

const nanosPerUsd = 1e9;

/**
 * USD of one call: time, memory and the request. Throws `invalid-argument` for a negative use, or memory no
 * tier has.
 */
export function invocationCost(use: FunctionUse, prices: PriceTable): number {
  const seconds = billedMs(count("durationMs", use.durationMs), prices) / 1_000;
  const memoryUsd = (count("memoryMib", use.memoryMib) / 1_024) * seconds * prices.usdPerGibSecond;
  const cpuUsd = seconds * cpuUsdPerSecond(use, prices);
  return roundUsd(memoryUsd + cpuUsd + prices.requests.usd / prices.requests.per);
}

/** USD of one round. Throws as `invocationCost`. */
export function roundCost(use: RoundUse, prices: PriceTable): RoundCost {
  const functionsUsd = sumUsd(use.functions.map((call) => invocationCost(call, prices)));
  const operationsUsd = sumUsd(
    operationKinds.map((kind) => {
      const { usd, per } = prices.operations[kind];
      return (count(kind, use.operations[kind] ?? 0) * usd) / per;
    }),
  );
  return { functionsUsd, operationsUsd, totalUsd: sumUsd([functionsUsd, operationsUsd]) };
}

/** The sum of amounts in USD, each taken to the nearest nanodollar. Exact up to 9 million USD. */
export function sumUsd(amounts: Iterable<number>): number {
  let nanos = 0;
  for (const usd of amounts) nanos += Math.round(usd * nanosPerUsd);
  return nanos / nanosPerUsd;
}

function roundUsd(usd: number): number {
  return sumUsd([usd]);
}

function billedMs(durationMs: number, { billing }: PriceTable): number {
  switch (billing) {
    case "up-to-100-ms":
      return Math.ceil(durationMs / 100) * 100;
    case "whole-seconds-plus-100-ms":
      return Math.floor(durationMs / 1_000) * 1_000 + 100;
  }
}

function cpuUsdPerSecond({ memoryMib, vcpu }: FunctionUse, { name, cpu }: PriceTable): number {
  if (cpu.kind === "vcpu") return count("vcpu", vcpu) * cpu.usdPerVcpuSecond;
  const tier = cpu.tiers.find((candidate) => memoryMib <= candidate.memoryMib);
  if (tier === undefined) {
    throw new FlError("invalid-argument", `Price table ${name} has no tier with ${memoryMib} MiB.`);
  }
  return tier.ghz * cpu.usdPerGhzSecond;
}

function count(what: string, value: number): number {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new FlError("invalid-argument", `${what} must be finite and not negative, not ${value}.`);
  }
  return value;
}
