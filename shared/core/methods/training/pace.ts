// How long a client needs for an epoch, learned from its reports: I-Prof's online regression (Damaskinos,
// Guerraoui, Kermarrec, Nitu, Patra & Taïani, "FLeet", Middleware 2020), with epochs for its batches.
import { MAX_PACE_MS, type Pace } from "../../schemas/pace.ts";

/** Errors below this share of a duration teach nothing (the paper's ε). */
const INSENSITIVE = 0.01;

/** Of an error, what the newest report corrects at least: durations vary, and clients change. */
const LEAST_STEP = 0.2;

/** @param epochs done, above 0. */
export function learnedPace(pace: Pace | undefined, epochs: number, workMs: number): Pace {
  const { fixedMs, epochMs, reports } = pace ?? { fixedMs: 0, epochMs: 0, reports: 0 };
  const error = workMs - (fixedMs + epochMs * epochs);
  // Passive-aggressive: the nearest line that would have been right, of which ever less is taken.
  const excess = Math.sign(error) * Math.max(0, Math.abs(error) - INSENSITIVE * workMs);
  const step = (Math.max(LEAST_STEP, 1 / (reports + 1)) * excess) / (1 + epochs ** 2);
  return {
    fixedMs: bounded(fixedMs + step),
    epochMs: bounded(epochMs + step * epochs),
    reports: reports + 1,
  };
}

export function predictedWorkMs(
  { fixedMs, epochMs }: Pick<Pace, "fixedMs" | "epochMs">,
  epochs: number,
): number {
  return fixedMs + epochMs * epochs;
}

/** For clients without reports: the mean of the others'; undefined where there is none. */
export function pooledPace(paces: readonly Pace[]): Pick<Pace, "fixedMs" | "epochMs"> | undefined {
  if (paces.length === 0) return undefined;
  const mean = (of: (pace: Pace) => number) => paces.reduce((sum, pace) => sum + of(pace) / paces.length, 0);
  return { fixedMs: mean(({ fixedMs }) => fixedMs), epochMs: mean(({ epochMs }) => epochMs) };
}

function bounded(ms: number): number {
  return Math.min(MAX_PACE_MS, Math.max(0, ms));
}
