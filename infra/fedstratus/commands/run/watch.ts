// `fedstratus run watch`: follows a run.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg } from "../../frame/values.ts";
import { watchOptions } from "../../watch/watchOptions.ts";

export const runWatch = command({
  name: "run watch",
  summary: "Follow a run until it is done: a line for each round, or a live table at a terminal.",
  about:
    'It only looks on: interrupting it leaves the run alone, and an api that is away for some minutes does not end it. With --json the last line is {"type": "end"}.',
  examples: [
    "run watch @last",
    "run watch @last --until round=3 --timeout 10m",
    "run watch @last --until accuracy=0.9 --fail-on degraded,paused --json",
  ],
  args: { run: arg.run("<run>") },
  options: watchOptions,
  isMutating: false,
  isIdempotent: true,
  isStreaming: true,
  exits: [...OF_CALLS, "waited"],
  run: async (context, { args, options }) => {
    const [{ watchRun }, { parseFailures, parseGoal }] = await Promise.all([
      import("../../watch/watchRun.ts"),
      import("../../watch/goal.ts"),
    ]);
    const goal = parseGoal(options.until ?? "completed");
    const failOn = parseFailures(options.failOn ?? "failed");
    const api = await context.api();
    return watchRun(await api.runId(args.run), { goal, failOn, intervalMs: options.interval }, context);
  },
});
