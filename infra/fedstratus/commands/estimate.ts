// `fedstratus estimate`: how long a run would take and what it would cost, before it is created.
import { command } from "../frame/command.ts";
import { OF_CALLS } from "../frame/exitCodes.ts";
import { opt } from "../frame/values.ts";
import { estimateOptions } from "../input/estimateOptions.ts";
import { specArg, specOptions } from "../input/specOptions.ts";

export const estimate = command({
  name: "estimate",
  summary: "Say how long a run of a spec would take and what it would cost, as ranges.",
  about:
    "The run is simulated for several seeds with what is known of its clients: from a run that is like it, or else from their checks, or else from the model's arithmetic alone. Nothing is written.",
  examples: [
    "estimate spec.json",
    "estimate spec.json --like @last",
    "estimate spec.json --clients 200 --offline",
  ],
  args: { spec: specArg },
  options: {
    ...specOptions,
    ...estimateOptions,
    offline: opt.flag("--offline", "without the api, of --clients alone"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const [{ readSpec }, { estimateCommand }] = await Promise.all([
      import("../input/specFile.ts"),
      import("../estimate/estimateCommand.ts"),
    ]);
    const spec = await readSpec(args.spec, options, context.io);
    return estimateCommand(spec, options, context);
  },
});
