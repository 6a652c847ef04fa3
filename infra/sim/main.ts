// The simulator's command line: `npm run simulate -- --scenario paper/mnist …`.
import { FlError } from "../../shared/core/errors.ts";
import { simulateCommand } from "./command.ts";

const program = simulateCommand(async (options) => {
  const { simulate } = await import("./simulate.ts");
  await simulate(options, process.stdout, process.stderr);
});

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(
    `${error instanceof FlError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
