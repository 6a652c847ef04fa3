// Runs for people: a row in a table, and one screen.
import type { Evaluation } from "../../../shared/core/schemas/evaluation.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { RoundTeachers } from "../../../shared/core/schemas/teachers.ts";
import { countText, shareText } from "../../cli/view/format.ts";
import type { Read } from "../frame/api.ts";
import { relativeText, spanText } from "../frame/duration.ts";
import { factLines } from "../output/factLines.ts";
import type { Column } from "../output/output.ts";
import { evaluationText } from "./evaluations.ts";

export function runColumns(nowMs: number): readonly Column<Read<Run>>[] {
  const startedAt = ({ value }: Read<Run>) => value.startedAt ?? value.createdAt;
  return [
    { key: "runId", title: "run", rank: 0, text: ({ value }) => value.runId },
    { key: "status", title: "status", rank: 0, text: ({ value }) => value.status },
    { key: "round", title: "round", align: "right", rank: 0, text: ({ value }) => roundText(value) },
    {
      key: "accuracy",
      title: "accuracy",
      align: "right",
      rank: 1,
      text: ({ value }) => numberText(value.accuracy),
      short: ({ value }) => shareText(value.accuracy, 3),
    },
    {
      key: "eur",
      title: "in time",
      align: "right",
      rank: 3,
      text: ({ value }) => numberText(value.eur),
      short: ({ value }) => shareText(value.eur, 2),
    },
    {
      key: "totals.costUsd",
      title: "USD",
      align: "right",
      rank: 2,
      text: ({ value }) => String(value.totals.costUsd),
      short: ({ value }) => value.totals.costUsd.toFixed(4),
    },
    {
      key: "startedAt",
      title: "started",
      rank: 2,
      text: (row) => new Date(startedAt(row)).toISOString(),
      short: (row) => relativeText(startedAt(row), nowMs),
    },
  ];
}

/** One screen: where it stands, what it has cost, what is wrong. */
export function runLines(
  run: Run,
  nowMs: number,
  evaluations: ReadonlyMap<number, Evaluation> = new Map(),
  teachers?: RoundTeachers,
): readonly string[] {
  const { spec, totals, best, waiting } = run;
  const at = (moment: number | null) =>
    moment === null ? null : `${new Date(moment).toISOString()} (${relativeText(moment, nowMs)})`;
  return factLines([
    ["run", run.runId],
    ["name", spec.name],
    ["status", run.statusReason === null ? run.status : `${run.status}: ${run.statusReason}`],
    [
      "waits for",
      waiting === null
        ? null
        : `${waiting.what === "score" ? "a score" : `${countText(waiting.count)} clients`}, since ${at(waiting.sinceAt)}`,
    ],
    ["round", roundText(run)],
    ["model version", run.modelVersion === null ? null : String(run.modelVersion)],
    ["parameters", run.model === null ? null : String(run.model.parameterCount)],
    ["accuracy", run.accuracy === null ? null : shareText(run.accuracy, 4)],
    ["loss", run.loss === null ? null : String(Number(run.loss.toPrecision(5)))],
    ["not scored", run.unscoredReason],
    ["best", best === null ? null : `version ${best.version}, accuracy ${shareText(best.accuracy, 4)}`],
    ...lastEvaluations(evaluations).map(
      (evaluation) => [`evaluation of ${evaluation.version}`, evaluationText(evaluation)] as const,
    ),
    [
      "in time",
      run.eur === null
        ? null
        : `${shareText(run.eur, 3)} (${totals.inTime} of ${totals.invoked} invitations)`,
    ],
    [
      "cost",
      `${totals.costUsd.toFixed(5)} USD${spec.stop.budgetUsd === undefined ? "" : ` of ${spec.stop.budgetUsd}`}`,
    ],
    ["selection", spec.selection.strategy],
    ...groupFacts(run, teachers),
    ["created", `${at(run.createdAt)} by ${run.createdBy}`],
    ["started", at(run.startedAt)],
    ["ended", at(run.endedAt)],
    [
      "took",
      run.startedAt === null || run.endedAt === null ? null : spanText((run.endedAt - run.startedAt) / 1_000),
    ],
  ]);
}

/** Of a run that learns from others: its group, whom its last round learned from, and who could not teach. */
function groupFacts(
  { teaches, round }: Pick<Run, "teaches" | "round">,
  teachers: RoundTeachers | undefined,
): readonly (readonly [string, string | null])[] {
  if (teaches === undefined) return [];
  const { versions = [], leftOut = [] } = teachers ?? {};
  const learned = versions.map(({ runId, version }) => `version ${version} of ${runId}`).join(", ");
  const most = leftOut.slice(0, MAX_SHOWN).map(({ runId, reason }) => `${runId} (${reason})`);
  const more = leftOut.length > MAX_SHOWN ? [`and ${leftOut.length - MAX_SHOWN} more`] : [];
  return [
    ["teaches", `group ${teaches}`],
    ["learns from", round === 0 ? null : `${learned === "" ? "labels alone" : learned}, in round ${round}`],
    ["not taught by", most.length === 0 ? null : [...most, ...more].join(", ")],
  ];
}

/** Evaluations, and runs left out, that one screen has room for. */
const MAX_SHOWN = 5;

/** The last ones that were asked for; model list has all. */
function lastEvaluations(evaluations: ReadonlyMap<number, Evaluation>): readonly Evaluation[] {
  const newestFirst = [...evaluations.values()].toSorted((a, b) => b.askedAt - a.askedAt);
  return newestFirst.slice(0, MAX_SHOWN).toSorted((a, b) => a.version - b.version);
}

/** "3/10"; without a last round, "3". */
function roundText({ round, spec }: Pick<Run, "round" | "spec">): string {
  return spec.stop.rounds === undefined ? String(round) : `${round}/${spec.stop.rounds}`;
}

/** Nothing where it is not known. */
export function numberText(value: number | null): string {
  return value === null ? "" : String(value);
}
