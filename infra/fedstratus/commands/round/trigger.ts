// `fedstratus round trigger`: opens one round of a run that does not advance by itself.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";
import { keyOption } from "../../input/specOptions.ts";

export const roundTrigger = command({
  name: "round trigger",
  summary: "Open one round of a run that is ready or paused, and print its number.",
  examples: ["round trigger @last", "round trigger @last --wait --timeout 5m"],
  args: { run: arg.run("<run>") },
  options: {
    wait: opt.flag("--wait", "wait until the round is over, for as long as --timeout says (default 10m)"),
    key: keyOption,
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: [...OF_CALLS, "waited"],
  run: async (context, { args, options }) => {
    const [z, { Round }, { waitFor }, { roundLines }, { FlError }] = await Promise.all([
      import("zod"),
      import("../../../../shared/core/schemas/round.ts"),
      import("../../watch/waitFor.ts"),
      import("../../documents/rounds.ts"),
      import("../../../../shared/core/errors.ts"),
    ]);
    const api = await context.api();
    const runId = await api.runId(args.run);
    const key = options.key ?? crypto.randomUUID();
    const path = `/v1/runs/${runId}/rounds`;
    const made = await api.call({ method: "POST", path, key }, z.looseObject({ round: z.number() }));
    const { round } = made.value;
    if (!options.wait) {
      await context.out.document(made.json, () => [String(round)]);
      return undefined;
    }
    const over = await waitFor(
      `round ${round} of run ${runId}`,
      context,
      () =>
        api.call({ method: "GET", path: `${path}/${round}` }, Round).catch((error: unknown) => {
          if (error instanceof FlError && error.code === "not-found") return null; // It is being opened.
          throw error;
        }),
      (answer) => answer !== null && answer.value.closedAt !== null,
    );
    await context.out.document(over?.json ?? null, () =>
      over === null ? [] : roundLines(over.value, context.io.nowMs()),
    );
    return over?.value.status === "degraded" ? "refused" : undefined;
  },
});
