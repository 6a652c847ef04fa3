// A run as a file that viewers of traces open.
import { FlError } from "../../../../shared/core/errors.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ApiClient } from "../../apiClient.ts";
import type { RoundRange } from "../exportOptions.ts";
import { goneWarning } from "../tables/exportTables.ts";
import { invocationsOf } from "../tables/rows.ts";
import { openTextFile } from "../textFile.ts";
import { TraceEvents } from "./trace.ts";

export interface TraceDeps {
  readonly api: ApiClient;
  readonly nowMs: () => number;
  readonly warn: (text: string) => void;
}

/** Viewers in a browser show no more. */
const MAX_TRACE_BYTES = 100 * 1024 * 1024;

/**
 * @param maxBytes beyond which a trace is refused
 * @throws FlError("failed-precondition") for a trace that is larger, with what to do
 */
export async function exportTrace(
  run: Run,
  range: RoundRange,
  { api, nowMs, warn }: TraceDeps,
  path: string,
  maxBytes = MAX_TRACE_BYTES,
): Promise<void> {
  const beganAtMs = run.startedAt ?? run.createdAt;
  const events = new TraceEvents(beganAtMs, nowMs());
  const file = await openTextFile(path);
  try {
    const about = { runId: run.runId, beganAt: new Date(beganAtMs).toISOString() };
    await file.write(`{"displayTimeUnit":"ms","otherData":${JSON.stringify(about)},"traceEvents":[\n`);
    const lines = events.begin(run.runId).map((event) => JSON.stringify(event));
    await file.write(lines.join(",\n"));
    for await (const { round, invocations } of invocationsOf(api, run, range, goneWarning(run, warn))) {
      const made = [
        ...events.round(round),
        ...invocations.flatMap((invocation) => events.invocation(invocation, round)),
      ];
      for (const event of made) await file.write(`,\n${JSON.stringify(event)}`);
      if (file.sizeBytes > maxBytes) throw tooLarge(round.round, range);
    }
    await file.write("\n]}\n");
  } finally {
    await file.close();
  }
}

function tooLarge(round: number, { first }: RoundRange): FlError {
  const last = Math.max(first, round - 1);
  return new FlError(
    "failed-precondition",
    `The trace would be larger than 100 MB, which viewers do not show: it is at round ${round}. Export fewer rounds, such as --rounds ${first}-${last}.`,
  );
}
