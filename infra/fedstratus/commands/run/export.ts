// `fedstratus run export`: a run's rounds and invocations in the formats of other tools.
import { TABLE_FORMATS, TOOL_FORMATS } from "../../../cli/export/formats.ts";
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const runExport = command({
  name: "run export",
  summary: "Write a run's rounds and invocations for other tools: tables, TensorBoard, traces, MLflow.",
  about: "The columns are in docs/export.md.",
  examples: [
    "run export @last --format csv --out exports/csv",
    "run export @last --format trace --out exports/trace --rounds 1-10",
  ],
  args: { run: arg.run("<run>") },
  options: {
    format: opt.neededChoice("--format <format>", "what to write", [...TABLE_FORMATS, ...TOOL_FORMATS]),
    out: opt.text("-o, --out <dir>", "the folder to write into, which is made", "folder"),
    what: opt.text("--what <tables>", "rounds or invocations, or both with a comma between; of tables"),
    rounds: opt.text("--rounds <range>", "only these rounds: 7, 10-20 or 10-"),
    tracking: opt.text("--tracking <url>", "the MLflow server, else MLFLOW_TRACKING_URI"),
    experiment: opt.text("--experiment <name>", "the MLflow experiment, else FedStratus"),
    force: opt.flag("--force", "replace the files of the same names in a folder that exists"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const { exportFiles } = await import("../../documents/exportFiles.ts");
    return exportFiles(args.run, undefined, options, context);
  },
});
