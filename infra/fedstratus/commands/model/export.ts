// `fedstratus model export`: a version in the format of another library, with a model card.
import { MODEL_FORMATS } from "../../../cli/export/formats.ts";
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const modelExport = command({
  name: "model export",
  summary: "Write a model version for Keras, TensorFlow.js or NumPy, with a model card.",
  about: "How each is loaded is in docs/export.md, and in the card.",
  examples: [
    "model export @last:best --format keras --out exports/keras",
    "model export @last --format npz -o exports/npz",
  ],
  args: { model: arg.model("<run[:version]>") },
  options: {
    format: opt.neededChoice("--format <format>", "what to write", MODEL_FORMATS),
    out: opt.needed("-o, --out <dir>", "the folder to write into, which is made", "folder"),
    withClients: opt.flag("--with-clients", "name the clients in the model card"),
    force: opt.flag("--force", "replace the files of the same names in a folder that exists"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const [{ exportFiles }, { splitModel }] = await Promise.all([
      import("../../documents/exportFiles.ts"),
      import("../../documents/models.ts"),
    ]);
    const { run, version } = splitModel(args.model);
    return exportFiles(run, version, options, context);
  },
});
