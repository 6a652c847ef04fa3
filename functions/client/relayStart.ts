// A client's turn in a relay: the model that it goes on with, made of the version and of the update of a
// client before it.
import { createHash } from "node:crypto";
import { readUpdate } from "../../shared/core/methods/update/update.ts";
import type { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { withDelta } from "../../shared/core/updates/withDelta.ts";
import type { TrainingDeps } from "./deps.ts";

export interface RelayStarted {
  readonly weights: Weights;
  /** How many of the updates could not be used, the newest first. */
  readonly passedOver: number;
  readonly sizeBytes: number;
}

/**
 * The version with the newest update added that can be used: another client has made it, so that it is
 * checked as the aggregator checks it. The version itself where there is none. In memory of its own where an
 * update is added.
 *
 * @param version the weights of the grant's base version; not written to.
 */
export async function startOf(
  { relay, parameters, encoding, baseVersion }: Grant,
  version: Weights,
  deps: Pick<TrainingDeps, "download" | "log">,
): Promise<RelayStarted> {
  let sizeBytes = 0;
  for (const [passedOver, { link, sha256, ...said }] of (relay?.from ?? []).entries()) {
    const file = await deps.download(link, "the update of the client before", said.sizeBytes);
    sizeBytes += file.byteLength;
    const read = readUpdate(file, createHash("sha256").update(file).digest("hex"), {
      model: parameters,
      encoding,
      baseVersion,
      sha256,
    });
    if (read.ok) return { weights: withDelta(version, read.delta, parameters), passedOver, sizeBytes };
    deps.log.warn("the update of the client before cannot be used", { problems: read.problems.slice(0, 5) });
  }
  return { weights: version, passedOver: relay?.from.length ?? 0, sizeBytes };
}
