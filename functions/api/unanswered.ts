// Whether a client's address looks wrong: what became of its latest invitations.
import { refs, type Store } from "../../shared/core/ports/store.ts";

/** How far it is looked back, newest first. */
const RUNS = 5;
const ROUNDS = 10;

/**
 * In words, where none of the client's latest invitations was answered; null where one was, or where there
 * were none.
 */
export async function unanswered(clientId: string, store: Store): Promise<string | null> {
  const { items: runs } = await store.listRuns({ limit: RUNS });
  const wanted = runs.flatMap(({ runId, round }) =>
    Array.from({ length: Math.min(round, ROUNDS) }, (_, back) =>
      refs.invocation(runId, round - back, clientId),
    ),
  );
  const { items: invocations } = await store.list(wanted);
  // One that is invited may still be on its way.
  const over = invocations.filter(({ status, claimedAt }) => claimedAt !== null || status !== "invoked");
  const [latest] = over.toSorted((a, b) => b.invokedAt - a.invokedAt);
  if (latest === undefined || over.some(({ claimedAt }) => claimedAt !== null)) return null;
  const { round, runId } = latest;
  return `None of its latest ${over.length} invitations was answered, the last one in round ${round} of run ${runId}: check that url is the address of its function, that the queue's identity may call it, and that its service account is the one registered.`;
}
