// The watchdog: finds runs whose tasks have vanished (a queue purged, a task given up) and asks for exactly
// those again.
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { FlError, needsPerson } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { taskName } from "../../shared/core/protocol/commands.ts";
import { isRelay } from "../../shared/core/round/relay.ts";
import { expectedCommands } from "../../shared/core/round/watch.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";

/** Returns what was missing, in words. Where nothing is, it only notes that it has looked. */
export async function watchRuns(deps: CoordinatorDeps): Promise<string> {
  const { store, dispatchMissing, log, nowMs } = deps;
  const shown = showOnRun(deps, "change-request");
  let missing = 0;
  const failures: unknown[] = [];
  for (const run of await store.unsweptRuns()) {
    try {
      missing += await watchRun(run);
    } catch (error) {
      // What keeps one run from being looked after must not cost the others.
      log.error("run cannot be looked after", { runId: run.runId, error });
      if (!(error instanceof FlError) || error.retry !== "never") failures.push(error);
      else if (needsPerson(error))
        await shown(run.runId, error.message).catch((cause) => failures.push(cause));
    }
  }
  const look = { lookedAt: nowMs(), missing, failures: failures.length };
  await store.setAll("note-look", [{ ref: refs.watchdog(), value: look }]);
  if (failures.length > 0) throw failures[0];
  return `${missing} tasks were missing`;

  async function unclaimedIn(round: Round): Promise<readonly Invocation[]> {
    if (isRelay(round)) {
      return (
        await store.list(round.cohort.map((clientId) => refs.invocation(round.runId, round.round, clientId)))
      ).items;
    }
    const own = await store.invocationsByStatus(round.runId, round.round, ["invoked"]);
    const carried = (round.carried ?? []).filter(({ dueAt }) => dueAt > nowMs());
    const { items } = await store.list(
      carried.map((at) => refs.invocation(round.runId, at.round, at.clientId)),
    );
    return [...own, ...items.filter(({ status }) => status === "invoked")];
  }

  async function watchRun(run: Run): Promise<number> {
    const { runId } = run;
    const round = run.round === 0 ? null : await store.get(refs.round(runId, run.round));
    const unclaimed = round?.status === "training" ? await unclaimedIn(round) : [];
    const unscored = await store.unscoredRounds(runId);
    const asked = await dispatchMissing(expectedCommands(run, round, unclaimed, unscored, nowMs()));
    if (asked.length > 0) log.warn("tasks had vanished", { runId, tasks: asked.slice(0, 20).map(taskName) });
    return asked.length;
  }
}
