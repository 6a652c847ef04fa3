// `fedstratus demo`, `simulate` and `box`: what the repository alone has, started from the one command line.
import { command } from "../frame/command.ts";
import { EXIT, type ExitName } from "../frame/exitCodes.ts";
import { arg } from "../frame/values.ts";

const COMMANDS = [
  {
    name: "demo",
    summary: "Train on Fashion-MNIST in a local cloud, with real function processes.",
    example: "demo --rounds 3 --out result.json",
    page: "docs/local-cloud.md",
  },
  {
    name: "simulate",
    summary: "Simulate runs of a fleet of clients under a virtual clock.",
    example: "simulate --scenario mixed/flaky --seeds 3 --json",
    page: "docs/simulate.md",
  },
  {
    name: "box",
    summary: "Start the local cloud alone, and print its endpoints.",
    example: "box --data dist/box",
    page: "docs/local-cloud.md",
  },
] as const;

/** What a program's exit code says that is not among ours means that it failed, in words of its own. */
const ENDED: Readonly<Record<number, ExitName>> = {
  [EXIT.interrupted]: "interrupted",
  [EXIT.terminated]: "terminated",
};

export const repositoryCommands = COMMANDS.map(({ name, summary, example, page }) =>
  command({
    name,
    summary,
    about: `It runs in the repository alone: it is npm run ${name}, and its options are in ${page}.`,
    examples: [example],
    args: { options: arg.texts("[options...]", `options of npm run ${name}, passed on as they are`) },
    options: {},
    isMutating: true,
    isIdempotent: false,
    isStreaming: false,
    passesOn: true,
    exits: ["refused"],
    run: async ({ io }, { args }) => {
      const given = args.options ?? [];
      if (io.launch === undefined) {
        const { FlError } = await import("../../../shared/core/errors.ts");
        throw new FlError(
          "failed-precondition",
          `${name} is no part of this package: it needs functions, data and a local cloud, which are in the repository. Clone it, and there: npm run ${[name, "--", ...given].join(" ")}.`,
        );
      }
      const code = await io.launch(name, given);
      return code === 0 ? undefined : (ENDED[code] ?? "refused");
    },
  }),
);
