// A run for a tool that shows it: TensorBoard, or a viewer of traces.
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { RoundRange, ToolExport } from "../exportOptions.ts";
import { roundsOf } from "../tables/rows.ts";
import { fileVersionRecord, scalarsRecord } from "./eventFile.ts";
import { exportTrace, type TraceDeps } from "./exportTrace.ts";
import { roundScalars } from "./roundScalars.ts";

export function exportTool(
  { format, rounds }: ToolExport,
  run: Run,
  deps: TraceDeps,
  folder: string,
): Promise<void> {
  return format === "trace"
    ? exportTrace(run, rounds, deps, join(folder, "trace.json"))
    : exportEvents(run, rounds, deps, folder);
}

/** A folder for the run, so that several lie beside each other and are compared. */
async function exportEvents(run: Run, range: RoundRange, { api }: TraceDeps, folder: string): Promise<void> {
  const beganAtMs = run.startedAt ?? run.createdAt;
  const inside = join(folder, run.runId);
  await mkdir(inside);
  const file = await open(
    join(inside, `events.out.tfevents.${Math.floor(beganAtMs / 1_000)}.fedstratus`),
    "wx",
  );
  try {
    await file.writeFile(fileVersionRecord(beganAtMs));
    let costSoFarUsd = run.totals.preparationUsd;
    for await (const round of roundsOf(api, run, { first: 1, last: range.last })) {
      costSoFarUsd += round.costUsd ?? 0;
      if (round.round < range.first || round.closedAt === null) continue;
      await file.writeFile(scalarsRecord(round.round, round.closedAt, roundScalars(round, costSoFarUsd)));
    }
  } finally {
    await file.close();
  }
}
