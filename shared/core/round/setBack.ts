// Versions that no round may start from: their values, or their loss, are not numbers. The run goes on from
// the last good one.
import type { Round } from "../schemas/round.ts";
import type { Run } from "../schemas/run.ts";
import type { Weights } from "../updates/weights.ts";
import { advance } from "./control.ts";
import { withoutVersionOf } from "./tiers.ts";

/** Set-backs that a run's document keeps; of older versions nothing is left in reach. */
const MAX_SET_BACKS = 20;

/**
 * The last version whose state no round can start from any more, once there is version `newest`; 0 or less
 * where all may be needed. Of the versions since, any may turn out to be the last good one.
 */
export function lastIdleState(newest: number): number {
  return newest - MAX_SET_BACKS - 1;
}

/**
 * A new version with values beyond this is scored before a round starts from it. Far above what trained
 * weights are, far below where the arithmetic of a forward pass overflows.
 */
const DOUBTFUL = 1e4;

/** `broken`: it must not be written. `doubtful`: its score decides whether it can be used. */
export type VersionVerdict =
  | { readonly kind: "sound" }
  | { readonly kind: "doubtful"; readonly reason: string }
  | { readonly kind: "broken"; readonly reason: string };

/** What is to be thought of the weights that a fold made. O(parameters). */
export function judgeVersion(weights: Weights): VersionVerdict {
  let [largest, where] = [0, ""];
  for (const { name, values } of weights) {
    for (let i = 0; i < values.length; i++) {
      const size = Math.abs(values[i] ?? 0);
      if (size <= largest) continue;
      if (!Number.isFinite(size)) {
        const what = `its parameter ${JSON.stringify(name.slice(0, 100))} would hold ${values[i]} at index ${i}`;
        return { kind: "broken", reason: `The new version cannot be used: ${what}.` };
      }
      [largest, where] = [size, name];
    }
  }
  if (largest <= DOUBTFUL) return { kind: "sound" };
  const reason = `a value of ${JSON.stringify(where.slice(0, 100))} is as large as ${largest.toPrecision(3)}`;
  return { kind: "doubtful", reason };
}

/** The version that a round makes: never the number of one that was left behind. */
export function versionMadeBy({ makesVersion, baseVersion }: Round): number {
  return makesVersion ?? baseVersion + 1;
}

/** What a round that opens now has to keep, so that its version has a number of its own. */
export function versionToMake(run: Run, baseVersion: number): Pick<Round, "makesVersion"> {
  const highest = Math.max(baseVersion, ...(run.setBacks ?? []).map(({ version }) => version));
  return highest === baseVersion ? {} : { makesVersion: highest + 1 };
}

/** Why no round may start from this version, and no update made from it counts; null for a good one. */
export function whyUnusable(run: Run, version: number): string | null {
  const found = run.setBacks?.find((setBack) => setBack.version === version);
  return found === undefined ? null : `version ${version} of the model cannot be used: ${found.reason}`;
}

/**
 * The run without this version, which turned out to be of no use: where it is the newest, the run goes on
 * from the last good one. A newer version that was made from it meanwhile stays until its own score is known.
 *
 * @param round the one that made the version.
 */
export function setBack(run: Run, round: Round, version: number, reason: string): Run {
  const known = run.setBacks ?? [];
  if (known.some((other) => other.version === version)) return run;
  const goodVersion =
    known.find((other) => other.version === round.baseVersion)?.goodVersion ?? round.baseVersion;
  const entry = { version, round: round.round, goodVersion, reason: reason.slice(0, 500) };
  return {
    ...run,
    ...(run.tiers === undefined || round.tier === undefined
      ? {}
      : { tiers: withoutVersionOf(round.tier, run.tiers) }),
    modelVersion: run.modelVersion === version ? goodVersion : run.modelVersion,
    setBacks: [...known, entry].slice(-MAX_SET_BACKS),
  };
}

/** The run once the version that it waited for has a score, or none: it asks for the next round. */
export function afterScore(run: Run, round: Round): Run {
  const waits = run.status === "running" && run.openRound === null && run.round === round.round;
  return waits ? advance(run).run : run;
}
