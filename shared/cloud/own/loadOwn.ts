// Data by an owner's own loader: what it returns is checked, so that the rest may rely on it as on a reader.
import { FlError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import { type Random, randomFrom } from "../../core/random.ts";
import { DataFacts } from "../../core/schemas/dataFacts.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { listFiles } from "../data/files.ts";
import type { DataPlace } from "../data/place.ts";
import { readAhead } from "../data/readAhead.ts";
import { readFeaturesJson } from "../data/readFeatures.ts";
import { openSource, type SourceOptions } from "../source.ts";
import { roomBytes } from "../tensors/dataset.ts";
import { Boundary } from "./boundary.ts";
import { checkedSamples, isShape } from "./checkedSamples.ts";
import type { Draws, LoadedStream, Loader, LoaderInput, OpenFile, Samples } from "./client.ts";
import { OwnMetrics } from "./metrics.ts";
import type { OwnPart } from "./ownCode.ts";

const MIB = 2 ** 20;
/** As many as the losses before and after are measured on. */
const FIRST_SAMPLES = 128;

export interface OwnLoading {
  readonly clientId: string;
  readonly data?: string | undefined;
  readonly memoryMib: number;
  /** Aborts the loader, and later its stream. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * @throws FlError("failed-precondition") where the loader fails, or what it returns is no data set: its own
 *   words are in the owner's log only; FlError("too-large") for what does not fit into memory
 */
export async function loadOwn(
  { about, load }: OwnPart<Loader>,
  place: DataPlace,
  options: SourceOptions,
  loading: OwnLoading,
): Promise<Dataset | DataStream> {
  const { log, signal, memoryMib } = loading;
  const boundary = new Boundary("loader", about, log, signal);
  const metrics = new OwnMetrics();
  const features = place.features === undefined ? undefined : await readFeaturesJson(place.features, options);
  const input: LoaderInput = {
    clientId: loading.clientId,
    ...(loading.data === undefined ? {} : { data: loading.data }),
    address: place.address,
    ...(features === undefined ? {} : { features }),
    memoryMib,
    signal,
    log: metrics.log(boundary.what, log),
    list: (address = place.address) =>
      boundary.ours(async () =>
        (await listFiles(address, options)).map(({ name, address: at, sizeBytes }) => ({
          name,
          address: at,
          sizeBytes,
        })),
      ),
    open: (address, range) => boundary.ours(() => opened(address, options, memoryMib, range)),
  };
  const loaded: unknown = await boundary.run(async () => (await load()).default(input));
  if (typeof loaded !== "object" || loaded === null) throw boundary.wrong("returned no data set");
  const facts = factsOf(loaded, boundary);
  if ("batches" in loaded) {
    const stream = checkedStream(loaded as LoadedStream, boundary);
    const first = await firstSamples(stream, boundary);
    return {
      ...stream,
      first,
      facts: facts(stream.x.shape[0] ?? 0),
      metrics: () => metrics.values(),
    };
  }
  const data = checkedSamples(loaded as Samples, boundary);
  const bytes = (data.x.values.length + data.y.values.length) * Float32Array.BYTES_PER_ELEMENT;
  const room = roomBytes(memoryMib);
  if (bytes > room) {
    throw new FlError(
      "too-large",
      `${boundary.what} returned ${Math.ceil(bytes / MIB)} MiB of samples as float32, and this function has room for ` +
        `${Math.floor(room / MIB)} MiB: return a stream, or give the function more memory.`,
      { reason: "data-too-large" },
    );
  }
  return { ...data, facts: facts(data.x.shape[0] ?? 0), metrics: () => metrics.values() };
}

async function opened(
  address: string,
  options: SourceOptions,
  memoryMib: number,
  range?: { readonly begin: number; readonly end: number },
): Promise<OpenFile> {
  if (!/^(gs|file):\/\/.+/.test(address)) {
    throw new FlError("invalid-argument", "An address to open must begin with gs:// or file://.");
  }
  const source = await openSource(address, options, range);
  const most = (memoryMib * MIB) / 2;
  return {
    sizeBytes: source.sizeBytes,
    chunks: source.chunks,
    close: () => source.close(),
    bytes: async () => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      try {
        for await (const chunk of source.chunks) {
          size += chunk.byteLength;
          if (size > most) {
            throw new FlError(
              "too-large",
              `The file at ${address} is larger than half of this function's memory: read its chunks one by one.`,
            );
          }
          chunks.push(chunk);
        }
      } finally {
        await source.close();
      }
      return new Uint8Array(Buffer.concat(chunks));
    },
  };
}

/** What the loader says that it has left out, for a number of samples that it has not. */
function factsOf(loaded: object, boundary: Boundary): (samples: number) => DataFacts {
  const refused = DataFacts.shape.refused.safeParse("refused" in loaded ? (loaded.refused ?? []) : []);
  if (!refused.success) {
    throw boundary.wrong(
      "returned `refused` that is no list of { reason, rows, firstRow }, with reasons of lower-case letters and hyphens",
    );
  }
  const left = refused.data.reduce((sum, { rows }) => sum + rows, 0);
  return (samples) => ({ rows: samples + left, refused: refused.data, dropped: 0 });
}

type CheckedStream = Omit<DataStream, "first" | "facts" | "metrics">;

function checkedStream(
  { samples, inputShape, targetShape, batches }: LoadedStream,
  boundary: Boundary,
): CheckedStream {
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw boundary.wrong("returned a stream whose `samples` is not a whole number from 1");
  }
  if (!isShape(inputShape) || !isShape(targetShape)) {
    throw boundary.wrong("returned a stream whose `inputShape` or `targetShape` is not a list of sizes");
  }
  if (typeof batches !== "function") throw boundary.wrong("returned a stream without `batches`");
  const own = { samples, inputShape: [...inputShape], targetShape: [...targetShape], batches };
  return {
    x: { shape: [samples, ...inputShape] },
    y: { shape: [samples, ...targetShape] },
    batches: (size, random) => readAhead(checkedBatches(own, size, random, boundary)),
  };
}

async function* checkedBatches(
  { samples, inputShape, targetShape, batches }: LoadedStream,
  size: number,
  random: Draws,
  boundary: Boundary,
): AsyncGenerator<Dataset> {
  const iterator = await boundary.run(async () => batches(size, random)[Symbol.asyncIterator]());
  let left = samples;
  try {
    for (;;) {
      const { done, value } = await boundary.run(async () => iterator.next());
      if (done === true) break;
      const batch = checkedSamples(value as Samples, boundary);
      const count = batch.x.shape[0] ?? 0;
      if (!isSame(batch.x.shape.slice(1), inputShape) || !isSame(batch.y.shape.slice(1), targetShape)) {
        throw boundary.wrong("gave a batch whose samples or labels have another shape than its stream says");
      }
      if (count > size) throw boundary.wrong(`gave a batch of ${count} samples where ${size} were asked for`);
      left -= count;
      if (left < 0) throw boundary.wrong(`gave more samples than the ${samples} that its stream says`);
      yield batch;
    }
    if (left > 0)
      throw boundary.wrong(`gave ${samples - left} samples and not the ${samples} that its stream says`);
  } finally {
    // Where reading has ended early; what it fails with then is of no use to anybody.
    if (left > 0) await boundary.run(async () => iterator.return?.()).catch(() => undefined);
  }
}

/** In memory: the same in every round, so that losses can be compared. */
async function firstSamples(stream: CheckedStream, boundary: Boundary): Promise<Dataset> {
  const random: Random = randomFrom("first-samples");
  for await (const batch of stream.batches(FIRST_SAMPLES, random)) return batch;
  throw boundary.wrong("gave no batch");
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return elementCount(a) === elementCount(b) && a.length === b.length && a.every((size, i) => size === b[i]);
}
