// What speaks against a run's joining the group that its spec names: runs that teach each other have one
// model and one loss.
import { FlError, type Problem } from "../../shared/core/errors.ts";
import { MAX_TEACHERS } from "../../shared/core/methods/training/codistillation/face.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import type { ProtocolObjects } from "../../shared/core/ports/objectStore.ts";
import { hasLeft, MAX_GROUP_RUNS } from "../../shared/core/round/teachers.ts";
import { groupOf } from "../../shared/core/round/teachingGroup.ts";
import type { LayersTopology, ModelChoice } from "../../shared/core/schemas/model.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../shared/core/schemas/spec.ts";
import type { ApiDeps } from "./deps.ts";

/**
 * All of it; nothing where the spec names no group. Two runs that are created at once may overlook each
 * other: the coordinator leaves out then what does not fit.
 */
export async function groupProblems(
  spec: RunSpec,
  { store, objects }: Pick<ApiDeps, "store" | "objects">,
): Promise<readonly Problem[]> {
  const group = groupOf(spec);
  if (group === null) return [];
  const { items, unreadable } = await store.runsTeaching(group, MAX_GROUP_RUNS);
  const members = items.filter((run) => !hasLeft(run));
  const problems: Problem[] = [];
  const names = members.map(({ runId }) => runId).join(", ");
  if (members.length > MAX_TEACHERS) {
    problems.push({
      path: "training.group",
      message: `has ${members.length} runs already, and a group has ${MAX_TEACHERS + 1} at most: ${names}; name another one`,
    });
  }
  if (items.length + unreadable.length >= MAX_GROUP_RUNS) {
    problems.push({
      path: "training.group",
      message: `has had ${MAX_GROUP_RUNS} runs, those that have ended among them, and no more are looked at: name another one`,
    });
  }
  const { loss } = spec.training;
  const otherLoss = members.find((run) => run.spec.training.loss !== loss);
  if (otherLoss !== undefined) {
    problems.push({
      path: "training.loss",
      message: `must be ${otherLoss.spec.training.loss}, as in the group's run ${otherLoss.runId}: use it, or name another training.group`,
    });
  }
  const own = ownTopology(spec.model);
  for (const run of own === null ? [] : members) {
    const theirs = await topologyOf(run, objects);
    if (theirs === null || theirs === own) continue;
    problems.push({
      path: "model",
      message: `must be that of run ${run.runId}, which is of training.group ${group} as well: use the same, or name another group`,
    });
    break;
  }
  return problems;
}

/** As it will lie in the bucket; null for one that is refused anyway. */
function ownTopology(model: ModelChoice): string | null {
  try {
    return JSON.stringify(stored(model));
  } catch (error) {
    if (error instanceof FlError) return null;
    throw error;
  }
}

/** Built-in models are written as they are. */
function stored(model: ModelChoice): LayersTopology {
  const topology = givenTopology(model);
  return "builtin" in model ? topology : normalTopology(topology);
}

/** Null where it has none, or it is gone. */
async function topologyOf(
  { spec }: Run,
  objects: Pick<ProtocolObjects, "stat" | "read">,
): Promise<string | null> {
  const { model } = spec;
  if ("builtin" in model) return ownTopology({ builtin: model.builtin });
  if (!("object" in model) || (await objects.stat(model.object)) === null) return null;
  return new TextDecoder().decode(await objects.read(model.object));
}
