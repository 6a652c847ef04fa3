// The two halves of Oort's utility: what a client's data can teach, and how long that takes.
import { averageWorkMs } from "../duration.ts";
import type { RosterEntry } from "../strategy.ts";
import type { OortOptions } from "./face.ts";

export const OORT_SIGNALS = ["loss-before", "loss-rms", "samples"] as const;

/** |B| √(Σ loss² / |B|); null of a client that has not reported both. At least 0, and finite. */
export function statisticalUtility({ signals = {} }: Pick<RosterEntry, "signals">): number | null {
  const of = (name: (typeof OORT_SIGNALS)[number]): number | undefined =>
    Object.hasOwn(signals, name) ? signals[name] : undefined;
  const [loss, samples] = [of("loss-rms") ?? of("loss-before"), of("samples")];
  return loss === undefined || samples === undefined ? null : Math.abs(loss) * Math.max(0, samples);
}

export interface Rated {
  readonly client: RosterEntry;
  readonly utility: number;
  readonly workMs: number;
  /** Statistical utility scaled to 0..1, with what is added for age, discounted where it is slow. */
  readonly score: number;
}

/** The time that is preferred, in ms: so many per cent of the known times are no longer. Infinity for all. */
export function preferredMs(timesMs: readonly number[], percent: number): number {
  if (percent >= 100 || timesMs.length === 0) return Number.POSITIVE_INFINITY;
  const sorted = timesMs.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor((sorted.length * percent) / 100), sorted.length - 1)] ?? Infinity;
}

/** What slowness leaves of a utility, in (0, 1]. */
export function speedFactor(workMs: number, preferred: number, penalty: number): number {
  return workMs > preferred ? (preferred / workMs) ** penalty : 1;
}

/** The clients of known utility with their scores, in the order given. O(n log n). */
export function rated(
  known: readonly RosterEntry[],
  round: number,
  preferred: number,
  { clipQuantile, uncertainty, slowPenalty, timeSmoothing }: OortOptions,
): readonly Rated[] {
  const utilities = known.map((client) => statisticalUtility(client) ?? 0);
  const sorted = utilities.toSorted((a, b) => a - b);
  const least = sorted[0] ?? 0;
  // Rounded down, so that of few clients the largest alone never sets the scale.
  const clip = sorted[Math.floor(clipQuantile * (sorted.length - 1))] ?? 0;
  const range = clip - least;
  return known.map((client, i) => {
    const utility = utilities[i] ?? 0;
    const workMs = averageWorkMs(client, timeSmoothing) ?? 0;
    const scaled = range > 0 ? (Math.min(utility, clip) - least) / range : 0;
    const age = Math.sqrt((uncertainty * Math.log(round)) / Math.max(1, client.lastSelectedRound ?? 1));
    return { client, utility, workMs, score: (scaled + age) * speedFactor(workMs, preferred, slowPenalty) };
  });
}
