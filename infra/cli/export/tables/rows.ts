// A run's rounds and invocations as rows, read from the api a few at a time.
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ApiClient } from "../../apiClient.ts";
import type { RoundRange } from "../exportOptions.ts";

/** Entries of clients in the documents of one answer, about: a round names each of its cohort some times. */
const CLIENTS_IN_A_PAGE = 10_000;
const MAX_ROUNDS_IN_A_PAGE = 200;

/** The rounds of the range, first to last; no more of them at once than the api can answer with. */
export async function* roundsOf(
  api: ApiClient,
  { runId, spec }: Run,
  { first, last }: RoundRange,
): AsyncGenerator<Round> {
  const fitting = Math.floor(CLIENTS_IN_A_PAGE / spec.selection.cohortSize);
  const limit = Math.max(1, Math.min(MAX_ROUNDS_IN_A_PAGE, fitting));
  for await (const round of api.eachRound(runId, limit)) {
    if (round.round > last) return;
    if (round.round >= first) yield round;
  }
}

export interface RoundWithInvocations {
  readonly round: Round;
  /** By client; without those that are not kept any more. */
  readonly invocations: readonly Invocation[];
}

/**
 * @param onGone is told of each round with fewer invocations than clients were invited: those that are older
 *   than the run's `keepInvocationsDays` are deleted
 */
export async function* invocationsOf(
  api: ApiClient,
  run: Run,
  range: RoundRange,
  onGone: (round: Round, missing: number) => void,
): AsyncGenerator<RoundWithInvocations> {
  for await (const round of roundsOf(api, run, range)) {
    const invocations = await api.invocations(run.runId, round.round);
    const missing = round.counts.invoked - invocations.length;
    if (missing > 0) onGone(round, missing);
    yield { round, invocations };
  }
}
