// `fedstratus run start`, `pause`, `resume` and `cancel`: what an operator does to a run.
import type { Run as RunDocument } from "../../../../shared/core/schemas/run.ts";
import { type Command, command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

interface Action {
  readonly word: "start" | "pause" | "resume" | "cancel";
  readonly summary: string;
  readonly about: string;
  /** Whether all that follows from it has happened. */
  readonly isDone: (run: RunDocument) => boolean;
}

const hasEnded = ({ status }: RunDocument) =>
  status === "completed" || status === "cancelled" || status === "failed";

const ACTIONS: readonly Action[] = [
  {
    word: "start",
    summary: "Start a run: rounds open by themselves until it is done.",
    about: "One that is still being prepared starts when it is ready. --wait waits until it is running.",
    isDone: (run) => run.status === "running" || hasEnded(run),
  },
  {
    word: "pause",
    summary: "Pause a run: the open round ends, and no other opens.",
    about: "--wait waits until no round is open.",
    isDone: (run) => run.openRound === null,
  },
  {
    word: "resume",
    summary: "Resume a paused run.",
    about: "--wait waits until a round is open, or the run waits for clients.",
    isDone: (run) => run.openRound !== null || run.waiting !== null || hasEnded(run),
  },
  {
    word: "cancel",
    summary: "Cancel a run. It cannot be started again; what it has made stays.",
    about: "--wait waits until nothing unneeded is left behind.",
    isDone: (run) => run.swept,
  },
];

export const runActions: readonly Command[] = ACTIONS.map(({ word, summary, about, isDone }) =>
  command({
    name: `run ${word}`,
    summary,
    about,
    examples: [
      `run ${word} @last${word === "cancel" ? " --yes" : ""}`,
      `run ${word} fashion-20-1f9c0a77${word === "cancel" ? " --yes" : ""} --wait`,
    ],
    args: { run: arg.run("<run>") },
    options: {
      wait: opt.flag("--wait", "wait until that has happened, for as long as --timeout says (default 10m)"),
      ...(word === "cancel" ? { yes: opt.flag("--yes", "do not ask") } : {}),
    },
    isMutating: true,
    isIdempotent: false,
    isStreaming: false,
    exits: [...OF_CALLS, "waited"],
    run: async (context, { args, options }) => {
      const [{ Run }, { waitFor }] = await Promise.all([
        import("../../../../shared/core/schemas/run.ts"),
        import("../../watch/waitFor.ts"),
      ]);
      const api = await context.api();
      const runId = await api.runId(args.run);
      if (word === "cancel") {
        const question = `Run ${runId} is cancelled for good.`;
        const isSaid = "yes" in options && options.yes === true;
        if (!(await context.confirm(question, isSaid))) {
          context.out.say("Nothing was changed.");
          return "refused";
        }
      }
      const key = crypto.randomUUID();
      let run = await api.call({ method: "POST", path: `/v1/runs/${runId}/${word}`, key }, Run);
      if (options.wait) {
        run = await waitFor(
          `run ${runId}`,
          context,
          () => api.call({ method: "GET", path: `/v1/runs/${runId}` }, Run),
          ({ value }) => isDone(value),
        );
      }
      await context.out.document(run.json, () => [run.value.status]);
      return undefined;
    },
  }),
);
