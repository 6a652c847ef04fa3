// Codistillation: what a run's spec says of its group, and in which rounds its clients learn from the others.
import type { TrainingOptions } from "../methods/training/options.ts";

/** As far as a spec says whom a run learns from. */
type Taught = { readonly training: TrainingOptions };

/** The group that a run shows its versions to; null where it shows them to none. */
export function groupOf({ training }: Taught): string | null {
  return training.method === "codistillation" ? training.group : null;
}

/** Whether clients ever learn from other runs. */
export function learns({ training }: Taught): boolean {
  return training.method === "codistillation" && training.weight > 0;
}

/** Whether the clients of a round do; 1 is the first. */
export function learnsIn(spec: Taught, round: number): boolean {
  const { training } = spec;
  return learns(spec) && training.method === "codistillation" && round > training.burnInRounds;
}

/** Whether a round that learns takes the newest versions, whatever the round before it had. */
export function isRefreshed({ training }: Taught, round: number): boolean {
  if (training.method !== "codistillation") return true;
  return (round - 1 - training.burnInRounds) % training.refreshRounds === 0;
}
