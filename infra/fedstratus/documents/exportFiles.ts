// Writes a run or a model in another tool's format, and prints the files.
import { exportOf, type GivenOptions } from "../../cli/export/exportOptions.ts";
import { runExport } from "../../cli/export/runExport.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { EXIT } from "../frame/exitCodes.ts";
import { pathOf } from "../input/specFile.ts";

type Options = Omit<GivenOptions, "run">;

/** @param version of a model; undefined for what is the run's */
export async function exportFiles(
  named: string,
  version: string | undefined,
  { out: folder, ...given }: Options,
  context: Context,
): Promise<ExitName | undefined> {
  const { io, out } = context;
  const api = await context.api();
  const runId = await api.runId(named);
  const what = exportOf({
    ...given,
    run: version === undefined ? runId : `${runId}:${version}`,
    tracking: given.tracking ?? (given.format === "mlflow" ? io.env["MLFLOW_TRACKING_URI"] : undefined),
    ...(folder === undefined ? {} : { out: pathOf(folder, io) }),
  });
  const files: string[] = [];
  const code = await runExport(what, {
    api: api.typed,
    env: io.env,
    nowMs: io.nowMs,
    print: (line) => files.push(line),
    warn: out.warn,
    interruption: io.interruption,
  });
  if (code !== 0) return code === EXIT.interrupted ? "interrupted" : "terminated";
  await out.document({ runId, format: given.format, files }, () => files);
  return undefined;
}
