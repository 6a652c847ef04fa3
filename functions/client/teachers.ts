// The models of other runs that a client learns from. One that cannot be had is done without: no run is
// stopped by what another is like.
import { FlError } from "../../shared/core/errors.ts";
import type { Grant } from "../../shared/core/schemas/protocol.ts";
import { maxFileBytes, quoteName } from "../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import type { TrainingDeps } from "./deps.ts";
import { readModel } from "./grantedModel.ts";

export interface Teachers {
  /** Of each that can be used, in the order of the grant. */
  readonly weights: readonly Weights[];
  /** What came over the network. */
  readonly receivedBytes: number;
}

/** Read as the version is, and finite. */
export async function readTeachers(
  grant: Pick<Grant, "teachers" | "parameters">,
  { downloadShared, log }: Pick<TrainingDeps, "downloadShared" | "log">,
): Promise<Teachers> {
  const { teachers = [], parameters } = grant;
  const maxBytes = maxFileBytes(parameters.map(({ shape }) => ({ dtype: "F32" as const, shape })));
  const read = await Promise.all(
    teachers.map(async (link, i) => {
      try {
        const { content, receivedBytes } = await downloadShared(link, `teacher ${i + 1}`, maxBytes);
        return { weights: finite(readModel(content, { parameters })), receivedBytes };
      } catch (error) {
        if (!(error instanceof FlError)) throw error;
        log.warn("a version of another run cannot be learned from", { teacher: i + 1, error });
        return { weights: null, receivedBytes: 0 };
      }
    }),
  );
  return {
    weights: read.flatMap(({ weights }) => (weights === null ? [] : [weights])),
    receivedBytes: read.reduce((sum, each) => sum + each.receivedBytes, 0),
  };
}

function finite(weights: Weights): Weights {
  const bad = weights.find(({ values }) => !values.every(Number.isFinite));
  if (bad === undefined) return weights;
  throw new FlError("invalid-argument", `Its parameter ${quoteName(bad.name)} is not finite.`, {
    retry: "never",
  });
}
