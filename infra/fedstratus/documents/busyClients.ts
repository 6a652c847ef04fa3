// Which clients are at work: in the open round of a run, or still in an earlier one.
import * as z from "zod";
import { Instant } from "../../../shared/core/schemas/ids.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { Api } from "../frame/api.ts";
import { rosterOf } from "./rosterOf.ts";

/** Nothing more of either is needed. */
const Invited = z.looseObject({ clientId: z.string(), status: z.string() });
const Entry = z.looseObject({ clientId: z.string(), busyUntilAt: Instant.nullable() });

/** Enough of a run. */
const Alive = z.looseObject({ runId: z.string(), round: z.number() });
const Runs = z.looseObject({ items: z.array(Alive), nextCursor: z.string().nullable() });

/** Calls for runs, each of which looks at 500 of them, the newest first. */
const MAX_CALLS = 4;

/** Statuses of an invocation that somebody works on. */
const AT_WORK: ReadonlySet<string> = new Set(["invoked", "training"]);
/** Runs that may have a round open, or clients that are late with one. */
const ALIVE: readonly Run["status"][] = ["ready", "running", "paused"];

export interface Busy {
  readonly clients: ReadonlySet<string>;
  /** Whether there are older runs, which were not looked at. */
  readonly hasOlderRuns: boolean;
}

/**
 * By what the api knows now: two or three calls for each run that is not over. Of the runs of a deployment
 * the newest are looked at, so that it takes no longer the more runs there have been.
 */
export async function busyClients(api: Pick<Api, "call" | "list">, nowMs: number): Promise<Busy> {
  const { runs, hasOlderRuns } = await runsAlive(api);
  const busy = new Set<string>();
  for (const { runId, round } of runs) {
    if (round === 0) continue;
    const all = { limit: 1, all: true };
    const invited = await api.list(`/v1/runs/${runId}/rounds/${round}/invocations`, Invited, all);
    for (const { value: one } of invited.items) if (AT_WORK.has(one.status)) busy.add(one.clientId);
    for (const entry of await rosterOf(runId, Entry, api)) {
      if ((entry.busyUntilAt ?? 0) > nowMs) busy.add(entry.clientId);
    }
  }
  return { clients: busy, hasOlderRuns };
}

async function runsAlive(api: Pick<Api, "call">) {
  const runs: z.infer<typeof Alive>[] = [];
  const page = async (cursor: string | undefined) => {
    const query = { limit: 1_000, status: ALIVE.join(","), cursor };
    return (await api.call({ method: "GET", path: "/v1/runs", query }, Runs)).value;
  };
  let cursor: string | undefined;
  for (let calls = 0; calls < MAX_CALLS; calls++) {
    const { items, nextCursor } = await page(cursor);
    runs.push(...items);
    if (nextCursor === null) return { runs, hasOlderRuns: false };
    cursor = nextCursor;
  }
  return { runs, hasOlderRuns: true };
}
