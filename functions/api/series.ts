// A run's series: blocks of a hundred rounds as columns, kept where they stay as they are.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { seriesObject } from "../../shared/core/round/objects.ts";
import { blockOf, lastFullBlock, roundsOfBlock } from "../../shared/core/round/seriesBlocks.ts";
import { RunId } from "../../shared/core/schemas/ids.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { Series, SeriesBlock } from "../../shared/core/schemas/series.ts";
import { type AnyRoute, Kept, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";

const define = route<Principal>();

const SeriesParams = z.strictObject({
  runId: RunId,
  block: z.coerce.number("use a block's number, 0 for the rounds 1 to 100").pipe(SeriesBlock),
});
const SeriesQuery = NoQuery.extend({
  with: z
    .enum(["outcomes"], "use outcomes, or leave it out")
    .optional()
    .describe("`outcomes`: also what became of each invocation."),
});

export function seriesRoutes({ store, objects }: ApiDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "GET",
      path: "/v1/runs/{runId}/series/{block}",
      operationId: "getSeries",
      summary: "Read a hundred rounds as columns. What stays as it is may be kept for good.",
      params: SeriesParams,
      query: SeriesQuery,
      answer: { status: 200, schema: Series },
      run: async ({ params: { runId, block }, query }) => {
        const run = await readRun(store, runId);
        const last = blockOf(Math.max(1, run.round));
        if (block > last) throw new FlError("not-found", `The last block of run ${runId} is ${last}.`);
        const withOutcomes = query.with === "outcomes";
        const written = await writtenBlock(run, block, withOutcomes);
        if (written !== null) return new Kept(written);
        const { SeriesColumns } = await import("../../shared/core/round/series.ts");
        const columns = new SeriesColumns();
        const rounds = store.roundFigures(runId, roundsOfBlock(block), withOutcomes);
        for await (const round of rounds) columns.add(round);
        return columns.series({ runId, block, final: false }, withOutcomes);
      },
    }),
  ];

  /** Null where it is not written, or not to be. */
  async function writtenBlock(run: Run, block: number, withOutcomes: boolean): Promise<Uint8Array | null> {
    if (!run.swept && block > (lastFullBlock(run) ?? -1)) return null;
    try {
      return await objects.read(seriesObject(run.runId, block, withOutcomes));
    } catch (error) {
      if (error instanceof FlError && error.code === "not-found") return null;
      throw error;
    }
  }
}
