// What an estimate is made of, and what one simulated run came to.
import type { PriceTable } from "../../../shared/core/cost/prices.ts";
import type { MemoryRow } from "../../../shared/core/round/runCheck.ts";
import type { EstimateItemName } from "../../../shared/core/schemas/estimate.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import type { Beliefs } from "./beliefs.ts";
import type { Tally } from "./believedPopulation.ts";
import type { Leaving } from "./egress.ts";

export interface EstimateInput {
  readonly spec: StoredRunSpec;
  readonly beliefs: Beliefs;
  readonly modelBytes: number;
  readonly memory: readonly MemoryRow[];
  readonly leaving: Leaving;
  readonly isScored: boolean;
  readonly prices: PriceTable;
  /** Seeds 1 to this. */
  readonly seeds: number;
}

/** What one simulated run came to. */
export interface Outcome {
  readonly wallSeconds: number;
  readonly chargedUsd: number;
  readonly rounds: number;
  readonly eur: number | null;
  readonly isOverBudget: boolean;
  readonly isStalled: boolean;
  readonly invocations: number;
  readonly downBytes: number;
  readonly upBytes: number;
  readonly tally: Tally;
  readonly usd: Readonly<Record<EstimateItemName, number | null>>;
}
