// `fedstratus check`: what is wrong with a spec, before a run is created.
import { command } from "../frame/command.ts";
import { OF_CALLS } from "../frame/exitCodes.ts";
import { opt } from "../frame/values.ts";
import { specArg, specOptions } from "../input/specOptions.ts";

export const check = command({
  name: "check",
  summary: "Say everything that is wrong with a spec, and what its model takes and may cost.",
  about: "Nothing is written. Without the api, only the spec and its model are looked at.",
  examples: ["check spec.json", "check spec.json --offline", "check spec.json --set stop.rounds=50"],
  args: { spec: specArg },
  options: {
    ...specOptions,
    offline: opt.flag("--offline", "look at the spec and its model alone, without the api"),
  },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async ({ io, out, api }, { args, options }) => {
    const [{ readSpec }, { checkOffline, checkSpec }] = await Promise.all([
      import("../input/specFile.ts"),
      import("../input/checkSpec.ts"),
    ]);
    const spec = await readSpec(args.spec, options, io);
    return options.offline ? checkOffline(spec, out) : checkSpec(spec, await api(), out);
  },
});
