// `fedstratus check`: what is wrong with a spec, before a run is created.
import { command } from "../frame/command.ts";
import { OF_CALLS } from "../frame/exitCodes.ts";
import { UsageError } from "../frame/failures.ts";
import { opt } from "../frame/values.ts";
import { estimateOptions } from "../input/estimateOptions.ts";
import { specArg, specOptions } from "../input/specOptions.ts";

export const check = command({
  name: "check",
  summary: "Say everything that is wrong with a spec, and what its model and clients are.",
  about: "Nothing is written. Without the api, only the spec and its model are looked at.",
  examples: [
    "check spec.json",
    "check spec.json --estimate",
    "check spec.json --offline",
    "check spec.json --set stop.rounds=50",
  ],
  args: { spec: specArg },
  options: {
    ...specOptions,
    ...estimateOptions,
    estimate: opt.flag(
      "--estimate",
      "estimate its time and cost, too; see estimate, whose options are taken then",
    ),
    offline: opt.flag("--offline", "look at the spec and its model alone, without the api"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { args, options }) => {
    const [{ readSpec }, { checkOffline, checkSpec }] = await Promise.all([
      import("../input/specFile.ts"),
      import("../input/checkSpec.ts"),
    ]);
    const spec = await readSpec(args.spec, options, context.io);
    if (!options.offline) return checkSpec(spec, options.estimate ? options : null, context);
    if (options.estimate)
      throw new UsageError("An estimate without the api is: estimate --offline --clients N.");
    return checkOffline(spec, context.out);
  },
});
