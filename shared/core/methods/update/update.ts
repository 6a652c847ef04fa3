// The file of an update: one client's delta and statistics, what it started from and how it is encoded.
// Written by clients, read by the aggregator.
import { FlError } from "../../errors.ts";
import type { Random } from "../../random.ts";
import {
  decodeSafetensors,
  joinParts,
  type SafetensorsLimits,
  safetensorsParts,
} from "../../updates/safetensors.ts";
import { hasStatistics, type ModelShape, type Weights } from "../../updates/weights.ts";
import { encodingOf } from "./encodingOf.ts";
import type { EncodingName } from "./encodings.ts";
import {
  checkUpdate,
  STATISTICS_ARE_VALUES,
  type UpdateCheck,
  type UpdateExpectation,
  updateMetadata,
} from "./validate.ts";

export interface UpdateFacts {
  readonly encoding: EncodingName;
  /** The model version that the delta is measured from. */
  readonly baseVersion: number;
  /** The model's parameters; may be left out where all are trained. */
  readonly model?: ModelShape;
  /** For encodings that round by chance. */
  readonly random?: Random;
}

/**
 * The bytes of an update's file, in parts to be written one after the other; may share the delta's memory.
 */
export function updateParts(
  delta: Weights,
  { encoding, baseVersion, model = [], random }: UpdateFacts,
): readonly Uint8Array[] {
  return safetensorsParts(encodingOf(encoding).encode(delta, model, random), {
    [updateMetadata.encoding]: encoding,
    [updateMetadata.baseVersion]: String(baseVersion),
    ...(hasStatistics(model) ? { [updateMetadata.statistics]: STATISTICS_ARE_VALUES } : {}),
  });
}

/** The same bytes in memory of their own. */
export function encodeUpdate(delta: Weights, facts: UpdateFacts): Uint8Array<ArrayBuffer> {
  return joinParts(updateParts(delta, facts));
}

/**
 * Decodes and checks an update's file, which may hold anything: a file that is not safetensors is one more
 * reason to refuse it (`unreadable`), not an error. `sha256` is that of the bytes, in lower-case hexadecimal.
 */
export function readUpdate(
  file: Uint8Array,
  sha256: string,
  expected: UpdateExpectation,
  limits: SafetensorsLimits = {},
): UpdateCheck {
  try {
    return checkUpdate({ ...decodeSafetensors(file, limits), sha256 }, expected);
  } catch (error) {
    if (!(error instanceof FlError)) throw error;
    const message = `${error.message} Upload the whole file as a safetensors library writes it.`;
    return { ok: false, problems: [{ code: "unreadable", message, tensor: null }] };
  }
}
