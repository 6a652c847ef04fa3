// `fedstratus round show`: one round, or why a client was or was not in it.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const roundShow = command({
  name: "round show",
  summary: "Show a round: its cohort, what came of it, and why it closed.",
  examples: ["round show @last", "round show @last 7", "round show @last 7 --why clinic-07"],
  args: { run: arg.run("<run>"), round: arg.round("[round]") },
  options: { why: opt.text("--why <client>", "only why this client was chosen, or left out", "client") },
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args, options }) => {
    const [{ readRound }, { roundLines, whyOf }, { Invocation }] = await Promise.all([
      import("../../documents/readRound.ts"),
      import("../../documents/rounds.ts"),
      import("../../../../shared/core/schemas/invocation.ts"),
    ]);
    const api = await context.api();
    const { json, value } = await readRound(await api.runId(args.run), args.round, api);
    if (options.why === undefined) {
      await context.out.document(json, () => roundLines(value, context.io.nowMs()));
      return undefined;
    }
    const clientId = options.why;
    const path = `/v1/runs/${value.runId}/rounds/${value.round}/invocations`;
    const invocations = value.cohort.includes(clientId)
      ? await api.list(path, Invocation, { limit: 1_000, all: true })
      : null;
    const found = invocations?.items.find((one) => one.value.clientId === clientId);
    const why = whyOf(value, clientId, found?.value ?? null);
    await context.out.document(why, () => [
      `${clientId} was ${why.isChosen ? "chosen" : "left out"}: ${why.reason}${why.status === null ? "" : ` (${why.status})`}`,
    ]);
    return undefined;
  },
});
