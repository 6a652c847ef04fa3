// Steps of a run that the database refuses for good: the reason is written on the run, and the step is not
// asked for again.
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";

/**
 * Takes a step of a run. A refusal for good becomes a change of the run and an answer in words; every other
 * error is passed on.
 *
 * @param stopped the run that does not take this step, with the reason.
 */
export async function withinReason(
  runId: string,
  { store, log, nowMs }: CoordinatorDeps,
  take: () => Promise<string>,
  stopped: (run: Run, reason: string, nowMs: number) => Run,
): Promise<string> {
  try {
    return await take();
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "internal" || error.retry !== "never") throw error;
    log.error("step is refused for good", { runId, reason: error.message, error });
    await store.transact("change-request", async (transaction) => {
      const ref = refs.run(runId);
      const run = await transaction.get(ref);
      if (run !== null) transaction.set(ref, stopped(run, error.message, nowMs()));
    });
    return error.message;
  }
}
