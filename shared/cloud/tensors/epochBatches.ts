// The batches of one epoch, from data in memory or from a stream that reads them again.
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import type { Random } from "../../core/random.ts";
import { slices } from "./batches.ts";
import type { FittedData } from "./labels.ts";

/** The samples of a batch: these places of the data. */
export interface EpochBatch {
  readonly data: FittedData;
  readonly places: ArrayLike<number>;
}

export type EpochBatches = (size: number, random: Random) => AsyncIterable<EpochBatch>;

export function isStream(data: Dataset | DataStream): data is DataStream {
  return "batches" in data;
}

/** Batches of samples that are in memory. */
export function batchesInMemory(data: FittedData, samples: number): EpochBatches {
  return async function* (size, random) {
    const order = random.order(samples);
    for (let start = 0; start < samples; start += size) {
      yield { data, places: order.subarray(start, start + size) };
    }
  };
}

/** The first `samples` samples in memory, once and as they lie. */
export async function* batchesInOrder(
  data: FittedData,
  samples: number,
  size: number,
): AsyncGenerator<EpochBatch> {
  for (const places of slices(samples, size)) yield { data, places };
}

/**
 * Batches that come from a stream.
 *
 * @param intoShape brings a batch into the shapes of model and loss, or throws
 */
export function batchesOfStream(stream: DataStream, intoShape: (batch: Dataset) => FittedData): EpochBatches {
  return async function* (size, random) {
    for await (const batch of stream.batches(size, random)) {
      const data = intoShape(batch);
      yield { data, places: Uint32Array.from({ length: data.x.shape[0] ?? 0 }, (_, i) => i) };
    }
  };
}
