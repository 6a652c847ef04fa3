// What the program's exit code says; `--help`, `schema` and docs/cli.md show the same table.

export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  input: 3,
  identity: 4,
  unreachable: 5,
  waited: 6,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;

export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: "done, or the condition is met",
  refused:
    "refused or failed: nothing of that name, not in this state, the run has failed, a check has failed",
  usage: "wrong usage: an unknown option, a missing argument",
  input: "the input has problems (a spec, a file): all of them are listed",
  identity: "not signed in, or not allowed",
  unreachable: "the api cannot be reached, is too busy or does not answer in time: try again",
  waited: "waited for as long as --timeout says, and the condition is not met",
  bug: "a fault of this program; it names a file with a report",
  interrupted: "interrupted (SIGINT)",
  terminated: "terminated (SIGTERM)",
};

/** What every command may end with. */
export const ALWAYS: readonly ExitName[] = ["ok", "usage", "bug", "interrupted", "terminated"];

/** What every command that calls the api may end with, too. */
export const OF_CALLS: readonly ExitName[] = ["refused", "identity", "unreachable"];
