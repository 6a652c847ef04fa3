// Writes the blocks of a run's series that stay as they are. Killed anywhere, another call writes the same
// bytes; without them the api makes a block of its rounds each time.
import { writeOnce } from "../../shared/cloud/objects/writeOnce.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { seriesObject } from "../../shared/core/round/objects.ts";
import { SeriesColumns } from "../../shared/core/round/series.ts";
import { blockOf, lastFullBlock, roundsOfBlock, staysAsItIs } from "../../shared/core/round/seriesBlocks.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";

/**
 * Of a run that goes on, when a round has opened: the last block that is full, once none of its rounds
 * changes any more. What fails here keeps no round from training: the next opening tries again.
 */
export async function writeFullBlock(run: Run, deps: CoordinatorDeps): Promise<void> {
  const block = lastFullBlock(run);
  if (block === null) return;
  const { store, objects, nowMs } = deps;
  const { runId } = run;
  try {
    if ((await objects.stat(seriesObject(runId, block, false))) !== null) return;
    const last = await store.get(refs.round(runId, roundsOfBlock(block).to));
    if (last === null || !staysAsItIs(run, last, await store.unscoredRounds(runId), nowMs())) return;
    await writeBlock(run, block, deps);
  } catch (error) {
    if (!(error instanceof FlError)) throw error;
    deps.log.warn("series not written", { runId, block, error });
  }
}

/** Of a run that has ended and of which nothing changes any more: those that are not there yet. */
export async function writeAllBlocks(run: Run, deps: CoordinatorDeps): Promise<void> {
  if (run.round === 0) return;
  for (let block = 0; block <= blockOf(run.round); block++) {
    if ((await deps.objects.stat(seriesObject(run.runId, block, false))) === null)
      await writeBlock(run, block, deps);
  }
}

/** Not where a document of it is damaged: repaired, it has its place in what the api makes. */
async function writeBlock(run: Run, block: number, { store, objects, log }: CoordinatorDeps): Promise<void> {
  const { runId } = run;
  const { from, to } = roundsOfBlock(block);
  const columns = new SeriesColumns();
  for await (const round of store.roundFigures(runId, { from, to }, true)) columns.add(round);
  const expected = Math.min(to, run.round) - from + 1;
  if (columns.length !== expected) {
    log.warn("series not written", { runId, block, rounds: columns.length, expected });
    return;
  }
  // The one that is looked for comes last.
  for (const withOutcomes of [true, false]) {
    const series = columns.series({ runId, block, final: true }, withOutcomes);
    await writeOnce(
      objects,
      seriesObject(runId, block, withOutcomes),
      new TextEncoder().encode(JSON.stringify(series)),
      { step: "write-series", contentType: "application/json" },
    );
  }
}
