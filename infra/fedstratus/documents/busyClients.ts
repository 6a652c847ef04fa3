// Which clients are at work: in the open round of a run, or still in an earlier one.
import * as z from "zod";
import { Instant } from "../../../shared/core/schemas/ids.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import type { Api } from "../frame/api.ts";
import { rosterOf } from "./rosterOf.ts";

/** Nothing more of either is needed. */
const Invited = z.looseObject({ clientId: z.string(), status: z.string() });
const Entry = z.looseObject({ clientId: z.string(), busyUntilAt: Instant.nullable() });

/** Statuses of an invocation that somebody works on. */
const AT_WORK: ReadonlySet<string> = new Set(["invoked", "training"]);
/** Runs that may have a round open, or clients that are late with one. */
const ALIVE: ReadonlySet<Run["status"]> = new Set(["ready", "running", "paused"]);

/** By what the api knows now: two or three calls for each run that is not over. */
export async function busyClients(api: Api, nowMs: number): Promise<ReadonlySet<string>> {
  const runs = await api.list("/v1/runs", Run, { limit: 1, all: true });
  const busy = new Set<string>();
  for (const { value } of runs.items) {
    const { runId, round, status } = value;
    if (!ALIVE.has(status) || round === 0) continue;
    const all = { limit: 1, all: true };
    const invited = await api.list(`/v1/runs/${runId}/rounds/${round}/invocations`, Invited, all);
    for (const { value: one } of invited.items) if (AT_WORK.has(one.status)) busy.add(one.clientId);
    for (const entry of await rosterOf(runId, Entry, api)) {
      if ((entry.busyUntilAt ?? 0) > nowMs) busy.add(entry.clientId);
    }
  }
  return busy;
}
