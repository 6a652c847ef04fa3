// Groups of runs that teach each other, of which there have been many: no more may join, and a round that
// opens all the same says what it has not looked at.
import { expect, test } from "vitest";
import { groupProblems } from "../../functions/api/groupProblems.ts";
import { roundTeachers } from "../../functions/coordinator/roundTeachers.ts";
import { MAX_GROUP_RUNS } from "../../shared/core/round/teachers.ts";
import { RunSpec } from "../../shared/core/schemas/spec.ts";
import { buildRun, buildSpec } from "../support/builders.ts";

const training = { method: "codistillation", group: "wards", burnInRounds: 0 };
const spec = buildSpec({ training });

/** Of which all but the given one were cancelled. */
function groupOf(runs: number) {
  const asked: number[] = [];
  const members = Array.from({ length: runs }, (_, i) =>
    buildRun({ runId: `r-${String(i).padStart(4, "0")}`, spec, status: "cancelled" }),
  );
  const deps = {
    store: {
      runsTeaching: async (_: string, limit: number) => {
        asked.push(limit);
        return { items: members.slice(0, limit), unreadable: [], hasMore: runs > limit };
      },
    },
    objects: { stat: async () => null },
    log: { info: () => undefined },
  };
  return { asked, deps };
}

test.each([
  [MAX_GROUP_RUNS - 1, []],
  [MAX_GROUP_RUNS, ["training.group"]],
  [MAX_GROUP_RUNS + 1, ["training.group"]],
])("after %i runs of a group, what speaks against another one is at %j", async (runs, paths) => {
  const { asked, deps } = groupOf(runs);
  const wanted = RunSpec.parse({
    name: "one-more",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 1 },
    training,
  });
  const problems = await groupProblems(wanted, deps as unknown as Parameters<typeof groupProblems>[1]);
  expect(problems.map(({ path }) => path)).toEqual(paths);
  for (const { message } of problems) expect(message).toContain("name another one");
  expect(asked).toEqual([MAX_GROUP_RUNS]);
});

test.each([
  [MAX_GROUP_RUNS, false],
  [MAX_GROUP_RUNS + 1, true],
])("of %i runs a round says that some are not looked at: %s", async (runs, isSaid) => {
  const { asked, deps } = groupOf(runs);
  const run = buildRun({ runId: "own", spec });
  const teachers = await roundTeachers(
    run,
    1,
    undefined,
    deps as unknown as Parameters<typeof roundTeachers>[3],
  );
  expect(teachers?.leftOut[0]?.runId).toBe(isSaid ? "further runs" : "r-0000");
  expect(asked).toEqual([MAX_GROUP_RUNS]);
});
