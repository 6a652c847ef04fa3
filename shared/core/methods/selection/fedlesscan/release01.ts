// What release 0.1 kept of FedLesScan on a round's document, turned into what this release keeps.
import * as z from "zod";
import { type CohortGroup, MAX_GROUPS } from "../../../schemas/round.ts";
import { groupName, groupOf } from "./groups.ts";
import { FedlesscanState } from "./state.ts";

const Cluster = z.object({
  size: z.int().min(1),
  chosen: z.int().min(0),
  meanPredictedMs: z.number().min(0),
  meanPenaltyMs: z.number().min(0),
  noise: z.boolean(),
});

/**
 * The fields of a round's document with `clusters` and `clusteringSince`, which 0.1 wrote, as `groups` and
 * `selectionState`; any other as it is. Clusters that are not as 0.1 wrote them are left out.
 */
export function upgradedRound(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.hasOwn(fields, "clusters") && !Object.hasOwn(fields, "clusteringSince")) return fields;
  const { clusters, clusteringSince, ...rest } = fields;
  const state = FedlesscanState.safeParse({ clusteringSince });
  return {
    groups: groupsOf(clusters),
    selectionState: state.success ? JSON.stringify(state.data) : null,
    ...rest,
  };
}

function groupsOf(clusters: unknown): CohortGroup[] {
  const parsed = z.array(Cluster).max(MAX_GROUPS).safeParse(clusters);
  return parsed.success ? parsed.data.map((cluster, i) => groupOf(groupName(i, 0), cluster)) : [];
}
