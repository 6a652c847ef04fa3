// The simulator's command line: `npm run simulate -- --scenario paper/mnist …`.
import { runCommandLine } from "../cli/commandLine.ts";
import { simulateCommand } from "./command.ts";

const program = simulateCommand(
  async (options) => {
    const { simulate } = await import("./simulate.ts");
    await simulate(options, process.stdout, process.stderr);
  },
  async (options) => {
    const { runLeague } = await import("./league/league.ts");
    await runLeague(options, process.stdout, process.stderr);
  },
);

await runCommandLine(() => program.parseAsync());
