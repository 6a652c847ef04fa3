// The versions of other runs that a round's clients learn from, as they are when it opens.
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import {
  beyondGroup,
  chosenTeachers,
  MAX_GROUP_RUNS,
  offeredTeachers,
} from "../../shared/core/round/teachers.ts";
import { groupOf, learnsIn } from "../../shared/core/round/teachingGroup.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { RoundTeachers } from "../../shared/core/schemas/teachers.ts";
import type { CoordinatorDeps } from "./deps.ts";

/**
 * Undefined where the round's clients learn from labels alone. A run that cannot teach, or whose document is
 * damaged, is left out with the reason.
 *
 * @param before what the round before had.
 */
export async function roundTeachers(
  run: Run,
  round: number,
  before: RoundTeachers | undefined,
  { store, objects, log }: Pick<CoordinatorDeps, "store" | "objects" | "log">,
): Promise<RoundTeachers | undefined> {
  const group = groupOf(run.spec);
  if (group === null || !learnsIn(run.spec, round)) return undefined;
  const { items, unreadable, hasMore } = await store.runsTeaching(group, MAX_GROUP_RUNS);
  const found = offeredTeachers(run, round, items, before);
  const damaged = unreadable.map(({ name }) => ({ runId: name, reason: "its document cannot be read" }));
  const beyond = hasMore ? [beyondGroup(group)] : [];
  const contentOf = async (name: string) => (await objects.stat(name))?.crc32c ?? null;
  const own = found.offered.length === 0 ? null : await contentOf(topologyObject(run.runId));
  const files = new Map(
    await Promise.all(
      found.offered.map(async ({ runId, version }) => {
        const [topology, model] = await Promise.all([
          contentOf(topologyObject(runId)),
          contentOf(modelObject(runId, version)),
        ]);
        return [
          runId,
          { hasSameTopology: own !== null && topology === own, hasVersion: model !== null },
        ] as const;
      }),
    ),
  );
  const none = { hasSameTopology: false, hasVersion: false };
  const teachers = chosenTeachers(
    { offered: found.offered, leftOut: [...beyond, ...found.leftOut, ...damaged] },
    ({ runId }) => files.get(runId) ?? none,
  );
  if (teachers.leftOut.length > 0) {
    log.info("runs of the group do not teach", { runId: run.runId, round, leftOut: teachers.leftOut });
  }
  return teachers;
}
