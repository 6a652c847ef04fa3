// Rounds for people: a row in a table, one screen, and why a client was or was not in it.
import { FlError } from "../../../shared/core/errors.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import { lossText, shareText, usdText } from "../../cli/view/format.ts";
import type { Read } from "../frame/api.ts";
import { relativeText, spanText } from "../frame/duration.ts";
import { factLines } from "../output/factLines.ts";
import type { Column } from "../output/output.ts";
import { numberText } from "./runs.ts";

export function roundColumns(nowMs: number): readonly Column<Read<Round>>[] {
  const count = (key: keyof Round["counts"], title: string, rank: number): Column<Read<Round>> => ({
    key: `counts.${key}`,
    title,
    align: "right",
    rank,
    text: ({ value }) => String(value.counts[key]),
  });
  return [
    { key: "round", title: "round", align: "right", rank: 0, text: ({ value }) => String(value.round) },
    { key: "status", title: "status", rank: 0, text: ({ value }) => value.status },
    { key: "closeReason", title: "closed by", rank: 3, text: ({ value }) => value.closeReason ?? "" },
    count("invoked", "invoked", 2),
    count("inTime", "in time", 1),
    count("late", "late", 4),
    count("failed", "failed", 3),
    count("missed", "missed", 3),
    {
      key: "accuracy",
      title: "accuracy",
      align: "right",
      rank: 1,
      text: ({ value }) => numberText(value.accuracy),
      short: ({ value }) => shareText(value.accuracy, 3),
    },
    {
      key: "loss",
      title: "loss",
      align: "right",
      rank: 4,
      text: ({ value }) => numberText(value.loss),
      short: ({ value }) => lossText(value.loss),
    },
    {
      key: "costUsd",
      title: "USD",
      align: "right",
      rank: 2,
      text: ({ value }) => numberText(value.costUsd),
      short: ({ value }) => usdText(value.costUsd),
    },
    {
      key: "openedAt",
      title: "opened",
      rank: 3,
      text: ({ value }) => new Date(value.openedAt).toISOString(),
      short: ({ value }) => relativeText(value.openedAt, nowMs),
    },
  ];
}

/** Names of a list that a screen shows; all of them are in the JSON. */
const SHOWN = 20;

export function roundLines(round: Round, nowMs: number): readonly string[] {
  const { counts, timings, groups, federated } = round;
  const version = round.newVersion === null ? "none" : String(round.newVersion);
  const facts = factLines([
    ["round", `${round.round} of run ${round.runId}`],
    ["status", round.closeReason === null ? round.status : `${round.status} (${round.closeReason})`],
    ["why degraded", round.degradedReason],
    ["opened", `${new Date(round.openedAt).toISOString()} (${relativeText(round.openedAt, nowMs)})`],
    [
      "deadline",
      `${spanText((round.deadlineAt - round.openedAt) / 1_000)} after that${round.extended ? ", extended" : ""}`,
    ],
    ["version", `from ${round.baseVersion} to ${version}`],
    ["strategy", `${round.strategy}: ${round.consideredCount} clients considered`],
    ["cohort", namesText(round.cohort)],
    ["learned from", teachersText(round.teachers)],
    [
      "outcomes",
      `${counts.invoked} invoked, ${counts.inTime} in time, ${counts.late} late, ${counts.failed} failed, ${counts.rejected} rejected, ${counts.missed} missed`,
    ],
    ["cold starts", String(counts.coldStarts)],
    ["accuracy", round.accuracy === null ? null : shareText(round.accuracy, 4)],
    ["loss", round.loss === null ? null : lossText(round.loss)],
    ["not scored", round.unscoredReason],
    ["at clients", federated === undefined ? null : Object.keys(federated.metrics).join(", ")],
    ["cost", round.costUsd === null ? null : `${usdText(round.costUsd)} USD`],
    ["took", timings.wallMs === null ? null : spanText(timings.wallMs / 1_000)],
  ]);
  const inGroups = groups.map(
    ({ name, size, chosen, note }) =>
      `  ${name}: ${chosen} of ${size}${note === undefined ? "" : `, ${note}`}`,
  );
  const notTaught = (round.teachers?.leftOut ?? []).map(({ runId, reason }) => `  ${runId}: ${reason}`);
  const dropped = round.dropped.map(({ clientId, fate, reason }) => `  ${clientId} ${fate}: ${reason}`);
  return [
    ...facts,
    ...(inGroups.length === 0 ? [] : ["", "chosen from:", ...inGroups]),
    ...(notTaught.length === 0 ? [] : ["", "runs of the group that did not teach:", ...notTaught]),
    ...(dropped.length === 0 ? [] : ["", "dropped updates:", ...dropped]),
  ];
}

function teachersText(teachers: Round["teachers"]): string | null {
  if (teachers === undefined) return null;
  const { versions } = teachers;
  if (versions.length === 0) return "no other run";
  return versions.map(({ runId, version }) => `version ${version} of ${runId}`).join(", ");
}

function namesText(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

export interface Why {
  readonly runId: string;
  readonly round: number;
  readonly clientId: string;
  readonly isChosen: boolean;
  readonly reason: string;
  /** What became of its invitation; null where there was none. */
  readonly status: string | null;
}

/**
 * Why a client was chosen for a round, or left out.
 *
 * @param invocation null where it has none
 * @throws FlError("not-found") where the round does not say
 */
export function whyOf(round: Round, clientId: string, invocation: Invocation | null): Why {
  const { runId, round: number } = round;
  const left = round.notChosen.find((one) => one.clientId === clientId);
  if (invocation !== null) {
    return {
      runId,
      round: number,
      clientId,
      isChosen: true,
      reason: invocation.reason,
      status: invocation.status,
    };
  }
  if (left !== undefined)
    return { runId, round: number, clientId, isChosen: false, reason: left.reason, status: null };
  const shown = round.notChosen.length;
  const unsaid = Math.max(0, round.consideredCount - round.cohort.length - shown);
  const message =
    unsaid > 0
      ? `Round ${number} does not say why ${clientId} was left out: it names ${shown} of the clients that were, and counts ${unsaid} more.`
      : `Client ${clientId} was not among the ${round.consideredCount} that round ${number} has considered: it was not registered, retired, or not wanted by the run.`;
  throw new FlError("not-found", message);
}
