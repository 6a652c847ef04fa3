// The versions of other runs that the last round of a run learned from.
import * as z from "zod";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { RoundTeachers } from "../../../shared/core/schemas/teachers.ts";
import type { Api } from "../frame/api.ts";

/** Nothing more of it is needed. */
const Taught = z.looseObject({ teachers: RoundTeachers.optional() });

/** Undefined, without a call, for a run that is of no group or has no round; and where it learned from labels. */
export async function teachersOf(
  { runId, round, teaches }: Pick<Run, "runId" | "round" | "teaches">,
  api: Pick<Api, "call">,
): Promise<RoundTeachers | undefined> {
  if (teaches === undefined || round === 0) return undefined;
  const { value } = await api.call({ method: "GET", path: `/v1/runs/${runId}/rounds/${round}` }, Taught);
  return value.teachers;
}
