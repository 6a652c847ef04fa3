// Codistillation: which versions of the other runs of its group a round's clients learn from. What another
// run is like never stops this one: a run that cannot teach is left out, with the reason.

import { MAX_TEACHERS } from "../methods/training/codistillation/face.ts";
import type { Run } from "../schemas/run.ts";
import { MAX_LEFT_OUT, type RoundTeachers } from "../schemas/teachers.ts";
import { isSameShape } from "../updates/weights.ts";
import { whyUnusable } from "./setBack.ts";
import { isRefreshed } from "./teachingGroup.ts";

/**
 * Runs of a group that are looked at, those that have ended among them: no more may join a group that has as
 * many, so that none that could teach is passed by.
 */
export const MAX_GROUP_RUNS = 100;

/** What stands for the runs of a group beyond those that are looked at. */
export function beyondGroup(group: string): { readonly runId: string; readonly reason: string } {
  return {
    runId: "further runs",
    reason: `group ${group} has more than ${MAX_GROUP_RUNS} runs, and those after that, by name, are not looked at: create runs in another group`,
  };
}

/** Whether a run teaches no more, which is how people take it out of its group. */
export function hasLeft({ status }: Pick<Run, "status">): boolean {
  return status === "cancelled" || status === "failed";
}

type LeftOut = RoundTeachers["leftOut"][number];
type Version = RoundTeachers["versions"][number];

/**
 * What the other runs of the group could teach, by when they were created, the first one first. Their files
 * are not looked at.
 *
 * @param members of the group, in any order; the run itself may be among them.
 * @param before what the round before had; undefined where it had nothing.
 */
export function offeredTeachers(
  run: Run,
  round: number,
  members: readonly Run[],
  before: RoundTeachers | undefined,
): { readonly offered: readonly Version[]; readonly leftOut: readonly LeftOut[] } {
  const kept = new Map(
    isRefreshed(run.spec, round)
      ? []
      : (before?.versions ?? []).map(({ runId, version }) => [runId, version]),
  );
  const offered: Version[] = [];
  const leftOut: LeftOut[] = [];
  const others = members
    .filter(({ runId }) => runId !== run.runId)
    .toSorted((a, b) => a.createdAt - b.createdAt || (a.runId < b.runId ? -1 : 1));
  for (const other of others) {
    const { runId, modelVersion } = other;
    const reason = whyNot(run, other);
    if (reason !== null) leftOut.push({ runId, reason });
    else {
      const last = kept.get(runId);
      const isGood = last !== undefined && whyUnusable(other, last) === null;
      offered.push({ runId, version: isGood ? last : (modelVersion ?? 0) });
    }
  }
  return { offered, leftOut };
}

function whyNot(run: Run, other: Run): string | null {
  if (hasLeft(other)) return other.status === "failed" ? "it has failed" : "it is cancelled";
  if (other.spec.training.loss !== run.spec.training.loss) {
    return `its loss is ${other.spec.training.loss}`;
  }
  if (other.model === null || other.modelVersion === null || other.modelVersion === 0) {
    return "it has made no version yet";
  }
  return hasSameParameters(run, other) ? null : OTHER_MODEL;
}

const OTHER_MODEL = "its model is another one";

function hasSameParameters({ model: a }: Pick<Run, "model">, { model: b }: Pick<Run, "model">): boolean {
  const [ours, theirs] = [a?.parameters ?? [], b?.parameters ?? []];
  return (
    ours.length === theirs.length &&
    ours.every(({ name, shape }, i) => {
      const other = theirs[i];
      return other !== undefined && other.name === name && isSameShape(shape, other.shape);
    })
  );
}

/** What is known of a run's files that might teach. */
export interface TeacherFiles {
  /** Whether its topology is the same as that of the run that learns. */
  readonly hasSameTopology: boolean;
  readonly hasVersion: boolean;
}

/** The round's teachers: of those offered the first that have the files. */
export function chosenTeachers(
  { offered, leftOut }: ReturnType<typeof offeredTeachers>,
  filesOf: (offer: Version) => TeacherFiles,
): RoundTeachers {
  const versions: Version[] = [];
  const out = [...leftOut];
  for (const offer of offered) {
    const { runId, version } = offer;
    const { hasSameTopology, hasVersion } = filesOf(offer);
    const reason = !hasSameTopology
      ? OTHER_MODEL
      : !hasVersion
        ? `the file of its version ${version} is gone`
        : versions.length === MAX_TEACHERS
          ? `${MAX_TEACHERS} other runs teach already`
          : null;
    if (reason === null) versions.push({ runId, version });
    else out.push({ runId, reason });
  }
  return { versions, leftOut: out.slice(0, MAX_LEFT_OUT) };
}
