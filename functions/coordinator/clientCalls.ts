// What claims and reports have in common. Many come at once, so what they all read is read once for all who
// wait for it.
import { coalesce } from "../../shared/cloud/coalesce.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs, type Store } from "../../shared/core/ports/store.ts";
import { isRelay } from "../../shared/core/round/relay.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { notTheirs } from "./documents.ts";

export interface ClientCalls {
  /**
   * The round as it is now. @throws FlError("permission-denied") when there is none, so that a caller cannot
   * try names out.
   */
  round(runId: string, round: number): Promise<Round>;
  /** A run of which only what never changes is looked at: its spec and its model. */
  settings(runId: string): Promise<Run>;
  /**
   * Does what follows from a call, once for all calls of the round that wait for it; in a relay, where it
   * differs from client to client, for each.
   *
   * @param isNews whether the call has changed something: one that is repeated must not stand for one that
   *   is not.
   */
  following(round: Round, isNews: boolean, clientId: string, act: () => Promise<void>): Promise<void>;
}

/** Runs whose settings an instance remembers. */
const REMEMBERED = 50;

export function clientCalls(store: Store): ClientCalls {
  const readRound = coalesce<Round | null>();
  const readRun = coalesce<Run | null>();
  const follow = coalesce<void>();
  const remembered = new Map<string, Run>();
  return {
    round: async (runId, number) =>
      theirs(await readRound(`${runId}/${number}`, () => store.get(refs.round(runId, number)))),
    settings: async (runId) => {
      const known = remembered.get(runId);
      if (known !== undefined) return known;
      const run = theirs(await readRun(runId, () => store.get(refs.run(runId))));
      if (run.model === null) throw new FlError("failed-precondition", `Run ${runId} has no model yet.`);
      for (const oldest of [...remembered.keys()].slice(0, remembered.size - REMEMBERED + 1)) {
        remembered.delete(oldest);
      }
      remembered.set(runId, run);
      return run;
    },
    following: (round, isNews, clientId, act) =>
      follow(`${round.runId}/${round.round}/${isNews}/${isRelay(round) ? clientId : ""}`, act),
  };
}

function theirs<T>(value: T | null): T {
  if (value === null) throw notTheirs();
  return value;
}
