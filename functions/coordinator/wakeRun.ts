// A run that waits for clients looks again as soon as one of them has reported.
import { refs } from "../../shared/core/ports/store.ts";
import { wake } from "../../shared/core/round/open.ts";
import type { CoordinatorDeps } from "./deps.ts";

/**
 * Has the run look again, if it waits for clients. To be called after the report is written: the run says
 * first that it waits, then looks for reports, so that one of the two sees the other.
 */
export async function wakeRun(runId: string, reportedAt: number, deps: CoordinatorDeps): Promise<void> {
  const { store, dispatch, nowMs } = deps;
  const ref = refs.run(runId);
  const run = await store.get(ref);
  if (run === null || wake(run, reportedAt, nowMs()) === null) return;
  const commands = await store.transact("change-request", async (transaction) => {
    const current = await transaction.get(ref);
    const woken = current === null ? null : wake(current, reportedAt, nowMs());
    if (woken !== null) transaction.set(ref, woken.run);
    return woken?.commands ?? [];
  });
  await dispatch(commands);
}
