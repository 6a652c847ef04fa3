// Reads the documents that a call is about, or says which one is not there.
import { FlError } from "../../core/errors.ts";
import { refs, type Transaction } from "../../core/ports/store.ts";
import type { Round } from "../../core/schemas/round.ts";
import type { Run } from "../../core/schemas/run.ts";

/** @throws FlError("not-found") naming `what` where the value is absent. */
export function found<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new FlError("not-found", `There is no ${what}.`);
  return value;
}

/** @throws FlError("not-found") */
export async function readRun(from: Pick<Transaction, "get">, runId: string): Promise<Run> {
  return found(await from.get(refs.run(runId)), `run ${runId}`);
}

/** A run and one of its rounds. @throws FlError("not-found") */
export async function readRound(
  from: Pick<Transaction, "get">,
  runId: string,
  round: number,
): Promise<{ readonly run: Run; readonly round: Round }> {
  const [run, roundFound] = await Promise.all([
    from.get(refs.run(runId)),
    from.get(refs.round(runId, round)),
  ]);
  return { run: found(run, `run ${runId}`), round: found(roundFound, `round ${round} of run ${runId}`) };
}
