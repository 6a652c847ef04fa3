// `fedstratus train`: creates a run, starts it and follows it.
import { command } from "../frame/command.ts";
import { OF_CALLS } from "../frame/exitCodes.ts";
import { keyOption, specArg, specOptions, weightsOption } from "../input/specOptions.ts";
import { watchOptions } from "../watch/watchOptions.ts";

export const train = command({
  name: "train",
  summary: "Create a run, start it, and follow it until it is done.",
  about: "The same as run create, run start and run watch. Interrupting it leaves the run alone.",
  examples: ["train spec.json", "train spec.json --set stop.rounds=5 --until accuracy=0.9"],
  args: { spec: specArg },
  options: { ...specOptions, weights: weightsOption, key: keyOption, ...watchOptions },
  isMutating: true,
  isIdempotent: false,
  isStreaming: true,
  exits: [...OF_CALLS, "input", "waited"],
  run: async (context, { args, options }) => {
    const [{ createRun }, { watchRun }, { parseFailures, parseGoal }, z] = await Promise.all([
      import("../input/createRun.ts"),
      import("../watch/watchRun.ts"),
      import("../watch/goal.ts"),
      import("zod"),
    ]);
    const goal = parseGoal(options.until ?? "completed");
    const failOn = parseFailures(options.failOn ?? "failed");
    const { value } = await createRun(args.spec, options, context);
    context.out.say(`run ${value.runId} is created`);
    const api = await context.api();
    // One that was made before with the same key may be under way.
    if (value.status === "ready" || (value.status === "preparing" && !value.startWhenReady)) {
      await api.call(
        { method: "POST", path: `/v1/runs/${value.runId}/start`, key: crypto.randomUUID() },
        z.unknown(),
      );
    }
    return watchRun(value.runId, { goal, failOn, intervalMs: options.interval }, context);
  },
});
