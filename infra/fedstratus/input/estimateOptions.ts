// The options of the commands that estimate a run.
import { opt } from "../frame/values.ts";

export const estimateOptions = {
  clients: opt.wholeOrNone(
    "--clients <n>",
    "as if there were so many clients; absent: those that are registered",
    {
      min: 1,
      max: 100_000,
    },
  ),
  like: opt.text("--like <run>", "a run to take times from; absent: the newest with the same clients", "run"),
  seeds: opt.whole("--seeds <n>", "how many runs to simulate", { min: 5, max: 1_000, fallback: 20 }),
  prices: opt.text(
    "--prices <table>",
    "a price table's name, or a .json file of your own (default cloud-run-2026)",
  ),
  testSamples: opt.wholeOrNone(
    "--test-samples <n>",
    "samples that versions are scored on, where no run says what that takes",
    {
      min: 1,
      max: 1_000_000_000,
    },
  ),
  parallel: opt.wholeOrNone(
    "--parallel <n>",
    "calls of clients that are served at once; absent: as was seen",
    {
      min: 1,
      max: 100_000,
    },
  ),
};
