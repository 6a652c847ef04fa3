// `fedstratus model download`: the safetensors file of a version.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const modelDownload = command({
  name: "model download",
  summary: "Download a model version as it is stored, a safetensors file.",
  examples: ["model download @last", "model download @last:best --out best.safetensors"],
  args: { model: arg.model("<run[:version]>") },
  options: {
    out: opt.text(
      "-o, --out <file>",
      "the file to write (default: the run and version, .safetensors)",
      "file",
    ),
    force: opt.flag("--force", "replace a file that exists"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args, options }) => {
    const { io, out } = context;
    const [
      { download, splitModel },
      { ModelLink },
      { requireWritableFile },
      { pathOf },
      { existsSync },
      { UsageError },
    ] = await Promise.all([
      import("../../documents/models.ts"),
      import("../../../cli/apiClient.ts"),
      import("../../../cli/files.ts"),
      import("../../input/specFile.ts"),
      import("node:fs"),
      import("../../frame/failures.ts"),
    ]);
    const api = await context.api();
    const { run, version: named } = splitModel(args.model);
    const runId = await api.runId(run);
    const path = `/v1/runs/${runId}/models/${named === "last" ? "latest" : named}`;
    const { version, url } = (await api.call({ method: "GET", path }, ModelLink)).value;
    const file = options.out ?? `${runId}-${version}.safetensors`;
    if (existsSync(pathOf(file, io)) && !options.force) {
      throw new UsageError(`${file} exists already. Name another file by --out, or replace it by --force.`);
    }
    requireWritableFile("--out", pathOf(file, io));
    const written = { ...(await download(url, pathOf(file, io))), path: file };
    await out.document({ runId, version, ...written }, () => [`${file}  sha256 ${written.sha256}`]);
    return undefined;
  },
});
