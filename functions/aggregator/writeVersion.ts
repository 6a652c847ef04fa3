// Writes the next model version where nobody can be reading it yet: never over one that is published.
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { versionMadeBy } from "../../shared/core/round/setBack.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { AggregatorDeps } from "./deps.ts";

/**
 * An attempt that died may have left this object, unpublished, and with the same inputs it has the same bytes. Other bytes are
 * those of another release of the function, or ours, of inputs that are removed since another attempt has published: they
 * are replaced as long as the round is not published.
 *
 * @throws FlError("aborted") when it is.
 */
export async function writeVersion(
  run: Run,
  round: Round,
  parts: readonly Uint8Array[],
  { objects, store }: AggregatorDeps,
): Promise<void> {
  const name = modelObject(run.runId, versionMadeBy(round));
  const there = await objects.stat(name);
  if (there !== null) {
    const current = await store.get(refs.round(round.runId, round.round));
    if (current?.status !== "aggregating") {
      throw new FlError("aborted", `Round ${round.round} of run ${round.runId} was published meanwhile.`);
    }
  }
  try {
    await objects.write(name, parts, { step: "write-model", ifGeneration: there?.generation ?? 0 });
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "failed-precondition") throw error;
    // Our own write whose answer was lost, or another attempt's: the next attempt sees which.
    throw new FlError("aborted", `Another attempt wrote ${name} meanwhile.`, { cause: error });
  }
}
