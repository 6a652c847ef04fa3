// What is waited for while a run is watched, and what counts as a failure.
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { UsageError } from "../frame/failures.ts";

export type Goal =
  | { readonly kind: "completed" }
  | { readonly kind: "round"; readonly round: number }
  | { readonly kind: "accuracy"; readonly accuracy: number };

export const FAILURES = ["failed", "cancelled", "paused", "degraded"] as const;
export type FailureKind = (typeof FAILURES)[number];

/** @throws UsageError for words that are no goal */
export function parseGoal(text: string): Goal {
  if (text === "completed") return { kind: "completed" };
  const [kind, value = ""] = text.split("=");
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (kind === "round" && Number.isInteger(number) && number >= 1 && number <= 9_999) {
    return { kind: "round", round: number };
  }
  if (kind === "accuracy" && number >= 0 && number <= 1) return { kind: "accuracy", accuracy: number };
  throw new UsageError("--until must be completed, round=N, or accuracy=X with X from 0 to 1.");
}

/** @throws UsageError for a word that is none */
export function parseFailures(text: string): readonly FailureKind[] {
  const words = text.split(",").map((word) => word.trim());
  const known = FAILURES.filter((kind) => words.includes(kind));
  if (words.every((word) => FAILURES.some((kind) => kind === word))) return known;
  throw new UsageError(`--fail-on must be one or several of ${FAILURES.join(", ")}, with commas between.`);
}

export type Verdict =
  | { readonly kind: "met" }
  | { readonly kind: "failed"; readonly why: string }
  /** Only the score of the last version is awaited. */
  | { readonly kind: "scoring" }
  | { readonly kind: "open" };

/**
 * Whether a watch is over.
 *
 * @param rounds those that were seen while it was watched
 */
export function verdictOf(
  goal: Goal,
  failOn: readonly FailureKind[],
  run: Run,
  rounds: readonly Pick<Round, "round" | "status" | "degradedReason">[],
): Verdict {
  const { status, statusReason } = run;
  const failed = (why: string): Verdict => ({ kind: "failed", why });
  const degraded = failOn.includes("degraded")
    ? rounds.find((round) => round.status === "degraded")
    : undefined;
  if (degraded !== undefined) {
    const why =
      degraded.degradedReason === undefined ? "" : `: ${degraded.degradedReason.replace(/\.$/, "")}`;
    return failed(`Round ${degraded.round} is degraded${why}.`);
  }
  if (isMet(goal, run)) return { kind: "met" };
  const isFatal =
    status === "failed" || status === "cancelled" || (status === "paused" && failOn.includes("paused"));
  if (isFatal)
    return failed(
      `Run ${run.runId} is ${status}: ${(statusReason ?? "no reason given").replace(/\.$/, "")}.`,
    );
  if (status !== "completed") return { kind: "open" };
  if (!isScored(run)) return { kind: "scoring" };
  if (goal.kind === "completed") return { kind: "met" };
  const wanted = goal.kind === "round" ? `round ${goal.round}` : `an accuracy of ${goal.accuracy}`;
  return failed(`Run ${run.runId} is completed without ${wanted}.`);
}

function isMet(goal: Goal, run: Run): boolean {
  switch (goal.kind) {
    case "completed":
      return false; // Once it is scored, too.
    case "round":
      return run.openRound === null ? run.round >= goal.round : run.openRound > goal.round;
    case "accuracy":
      return Math.max(run.accuracy ?? -1, run.best?.accuracy ?? -1) >= goal.accuracy;
  }
}

/** After the last round its version is still being scored. */
function isScored({ evaluatedVersion, modelVersion, unscoredReason }: Run): boolean {
  return evaluatedVersion === modelVersion || modelVersion === 0 || unscoredReason !== null;
}
