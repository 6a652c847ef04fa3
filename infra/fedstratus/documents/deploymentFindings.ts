// What `fedstratus doctor` makes of what a deployment says of itself and of its runs.
import * as z from "zod";
import { isPortable } from "../../../shared/core/ports/trainer.ts";
import { Instant } from "../../../shared/core/schemas/ids.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { WatchdogLook } from "../../../shared/core/schemas/watchdogLook.ts";
import { spanText } from "../frame/duration.ts";
import type { Finding } from "./finding.ts";

/** What this program reads of it; a deployment of an earlier release says less. */
export const Meta = z.looseObject({
  release: z.string(),
  clientRelease: z.number(),
  now: Instant,
  caller: z.string(),
  limits: z.looseObject({ cohort: z.number(), rounds: z.number() }),
  watchdog: WatchdogLook.nullish(),
});
export type Meta = z.infer<typeof Meta>;

/** Releases of one minor version read each other's answers. @param own such as 0.1.0 */
export function releaseFinding({ release, clientRelease, limits }: Meta, own: string): Finding {
  const detail = `the deployment is of release ${release}, and so is this program`;
  const facts = `client protocol ${clientRelease}, up to ${limits.cohort} clients a round and ${limits.rounds} rounds a run`;
  if (release === own) return { detail: `${detail}; ${facts}` };
  const isOlder = compareReleases(own, release) < 0;
  return {
    verdict: "warning",
    detail: `the deployment is of release ${release}, and this program of ${own}; ${facts}`,
    remedy: isOlder
      ? `install fedstratus ${release}: what is new there is not shown by this one`
      : `deploy release ${own}, or install fedstratus ${release}: commands may ask for what is not there yet`,
  };
}

/** Below zero where a is the earlier one. What is no number counts as 0. */
function compareReleases(a: string, b: string): number {
  const [first, second] = [a, b].map((text) => text.split(/[.-]/).map((part) => Number(part) || 0));
  for (let i = 0; i < 3; i++) {
    const difference = (first?.[i] ?? 0) - (second?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** It looks every ten minutes, unless the deployment says otherwise. */
const LONGEST_SILENCE_MS = 60 * 60_000;

const WATCHDOG_REMEDY = "see in Cloud Scheduler whether its job runs and what it was answered";

/** By the deployment's own clock. @param isLocal of a cloud on one machine, whose queues lose nothing */
export function watchdogFinding({ watchdog, now }: Meta, isLocal: boolean): Finding {
  if (watchdog === undefined) {
    return { verdict: "warning", detail: "this deployment does not say: it is of an earlier release" };
  }
  if (watchdog === null && isLocal) return { detail: "a local cloud has none, and needs none" };
  if (watchdog === null) {
    return { verdict: "warning", detail: "it has never looked", remedy: WATCHDOG_REMEDY };
  }
  const silentMs = Math.max(0, now - watchdog.lookedAt);
  const { missing, failures } = watchdog;
  const found = missing === 0 ? "nothing was missing" : `it asked for ${missing} tasks again`;
  const detail = `it looked ${spanText(silentMs / 1_000)} ago, and ${found}`;
  if (silentMs > LONGEST_SILENCE_MS) return { verdict: "warning", detail, remedy: WATCHDOG_REMEDY };
  if (failures === 0) return { detail };
  return {
    verdict: "warning",
    detail: `${detail}; it could not look after ${failures} runs`,
    remedy: "the coordinator's log says why",
  };
}

/** A task that takes longer to be done is most likely held up. */
const LONGEST_TASK_MS = 5 * 60_000;

/** @param runs the newest ones */
export function queueFinding(
  runs: readonly Pick<Run, "runId" | "status" | "openRequest" | "waiting" | "openRound" | "updatedAt">[],
  nowMs: number,
): Finding {
  const held = runs.filter(({ status, openRequest, waiting, openRound, updatedAt }) => {
    const awaitsTask =
      status === "preparing" || (openRequest.pending && waiting === null && openRound === null);
    return awaitsTask && nowMs - updatedAt > LONGEST_TASK_MS;
  });
  if (held.length === 0) return { detail: "no run has waited for a task for long" };
  const named = held.slice(0, 3).map(({ runId, updatedAt }) => {
    return `${runId} for ${spanText((nowMs - updatedAt) / 1_000)}`;
  });
  const rest = held.length > named.length ? `, and ${held.length - named.length} more` : "";
  return {
    verdict: "warning",
    detail: `runs wait for their next task: ${named.join(", ")}${rest}`,
    remedy:
      "see whether the control queue is paused, and what the log of the coordinator and the evaluator says",
  };
}

/** A call that is claimed later, its instance's start aside, most likely had to wait for a place. */
const LONGEST_WAIT_MS = 30_000;

const QUOTA_REMEDY =
  "see how many instances the clients' functions may have (max_instances), how many calls the client queue sends at once, and the region's quota of CPU for Cloud Run under IAM & Admin, Quotas";

/**
 * What calls had to wait for, which is all that can be seen of quotas from here: they are those of the
 * projects that the clients' functions are in.
 *
 * @param last the last round that was played; null where none was
 */
export function quotaFinding(
  last: {
    readonly run: Pick<Run, "runId">;
    readonly round: Pick<Round, "round">;
    readonly invocations: readonly Pick<
      Invocation,
      "clientId" | "status" | "invokedAt" | "claimedAt" | "timings"
    >[];
  } | null,
): Finding {
  if (last === null) return { detail: "not known before a round was played" };
  const { run, round, invocations } = last;
  const where = `in round ${round.round} of ${run.runId}`;
  const unclaimed = invocations.filter(({ status, claimedAt }) => status === "missed" && claimedAt === null);
  const waits = invocations.flatMap(({ clientId, invokedAt, claimedAt, timings }) =>
    claimedAt === null
      ? []
      : [{ clientId, waitMs: Math.max(0, claimedAt - invokedAt - (timings?.coldStartMs ?? 0)) }],
  );
  const late = waits.filter(({ waitMs }) => waitMs > LONGEST_WAIT_MS);
  if (unclaimed.length === 0 && late.length === 0) {
    const longestMs = Math.max(0, ...waits.map(({ waitMs }) => waitMs));
    return { detail: `no call waited for long ${where}: ${spanText(longestMs / 1_000)} at the most` };
  }
  const parts = [
    ...(unclaimed.length === 0 ? [] : [`never claimed were ${someOf(unclaimed)}`]),
    ...(late.length === 0
      ? []
      : [`claimed after more than ${spanText(LONGEST_WAIT_MS / 1_000)} were ${someOf(late)}`]),
  ];
  return {
    verdict: "warning",
    detail: `of ${invocations.length} calls ${where}, ${parts.join("; ")}`,
    remedy: QUOTA_REMEDY,
  };
}

function someOf(calls: readonly { readonly clientId: string }[]): string {
  return `${calls.length}, such as that of ${calls[0]?.clientId}`;
}

const NATIVE_REMEDY =
  "training without native TensorFlow takes several times as long, and costs as much more: build with require_native_tensors, which fails where it is missing";

/** @param last the last round that was played, with its invocations; null where none was */
export function backendFinding(
  last: {
    readonly run: Pick<Run, "runId">;
    readonly round: Pick<Round, "round" | "scoringBackend">;
    readonly invocations: readonly Pick<Invocation, "clientId" | "training">[];
  } | null,
): Finding {
  if (last === null) return { detail: "not known before a round was played" };
  const { run, round, invocations } = last;
  const trained = invocations.flatMap(({ clientId, training }) =>
    training === null ? [] : [{ clientId, backend: training.backend }],
  );
  const names = [...new Set([...trained.map(({ backend }) => backend), round.scoringBackend ?? []].flat())];
  const where = `in round ${round.round} of ${run.runId}`;
  if (names.length === 0) return { detail: `nothing was computed ${where}` };
  const slow = trained.filter(({ backend }) => isPortable(backend)).map(({ clientId }) => clientId);
  const detail = `${names.join(" and ")} ${where}`;
  const scores = round.scoringBackend !== undefined && isPortable(round.scoringBackend);
  if (slow.length === 0 && !scores) return { detail };
  const who = [
    ...(slow.length === 0 ? [] : [`${slow.length} of ${trained.length} clients, such as ${slow[0]}`]),
    ...(scores ? ["the evaluator"] : []),
  ];
  return {
    verdict: "warning",
    detail: `${detail}: without native TensorFlow are ${who.join(", and ")}`,
    remedy: NATIVE_REMEDY,
  };
}
