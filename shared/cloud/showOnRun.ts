// Writes on a run what only a person can put right, so that who looks at the run sees it.
import type { Store } from "../core/ports/store.ts";
import { refs } from "../core/ports/store.ts";
import { needingPerson } from "../core/round/needsPerson.ts";
import type { Step } from "../core/steps.ts";

export type ShowOnRun = (runId: string, reason: string) => Promise<void>;

/** Rejects where the run cannot be written, as when the database is what the right is missing for. */
export function showOnRun(
  { store, nowMs }: { readonly store: Store; readonly nowMs: () => number },
  step: Step,
): ShowOnRun {
  return (runId, reason) =>
    store.transact(step, async (transaction) => {
      const ref = refs.run(runId);
      const run = await transaction.get(ref);
      if (run === null) return;
      const shown = needingPerson(run, reason, nowMs());
      if (shown !== run) transaction.set(ref, shown);
    });
}
