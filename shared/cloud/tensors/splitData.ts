// A client's data in two: what it trains on, and the validation share that it never trains on. Both are
// streams, so that nothing of data in memory is copied but the batch that is worked on.
import {
  type NoShare,
  type RowValues,
  rowHashes,
  ShareCounter,
  type ValidationCut,
} from "../../core/data/validationShare.ts";
import { FlError } from "../../core/errors.ts";
import type { DataStream, Dataset } from "../../core/ports/trainer.ts";
import { type Random, randomFrom } from "../../core/random.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { countSamples } from "./batches.ts";
import { isStream } from "./epochBatches.ts";

export interface SplitData {
  readonly training: DataStream;
  readonly validation: DataStream;
}

/** What a `DataStream` has in memory at most. */
const FIRST_SAMPLES = 128;

/** Values that are counted at a time. */
const COUNTED_VALUES = 2 ** 20;

/**
 * Keeps the validation share apart, the same rows whether the data are in memory or a stream. A stream is
 * read once for it.
 *
 * @param seed of the run.
 * @param share of the rows, between 0 and 1.
 * @returns why there is no such share, where it cannot be.
 * @throws FlError("invalid-argument") for data that do not fit themselves; as the stream does.
 */
export async function splitData(
  data: Dataset | DataStream,
  seed: number,
  share: number,
): Promise<SplitData | NoShare> {
  return isStream(data) ? splitStream(data, seed, share) : splitInMemory(data, seed, share);
}

/** The same of data in memory, at once. */
export function splitInMemory(data: Dataset, seed: number, share: number): SplitData | NoShare {
  countSamples(data);
  const counter = new ShareCounter(share);
  const hashes = rowHashes(rowsOf(data), seed);
  counter.add(hashes);
  const cut = counter.cut();
  if (typeof cut === "string") return cut;
  const sides = {
    validation: new Uint32Array(cut.validationRows),
    training: new Uint32Array(cut.trainingRows),
  };
  let [validated, trained] = [0, 0];
  for (const [row, hash] of hashes.entries()) {
    if (hash < cut.below) sides.validation[validated++] = row;
    else sides.training[trained++] = row;
  }
  return { training: streamOf(data, sides.training), validation: streamOf(data, sides.validation) };
}

/** Some rows of data in memory, as a stream. */
function streamOf(data: Dataset, places: Uint32Array): DataStream {
  return {
    ...shapesOf(data, places.length),
    first: rowsAt(data, places.subarray(0, FIRST_SAMPLES)),
    async *batches(size: number, random: Random) {
      const order = random.order(places.length);
      for (let start = 0; start < order.length; start += size) {
        yield rowsAt(
          data,
          order.subarray(start, start + size).map((place) => places[place] ?? 0),
        );
      }
    },
  };
}

async function splitStream(data: DataStream, seed: number, share: number): Promise<SplitData | NoShare> {
  const counter = new ShareCounter(share);
  const size = Math.max(1, Math.floor(COUNTED_VALUES / (rowSize(data.x) + rowSize(data.y))));
  for await (const batch of data.batches(size, randomFrom(seed, "validation-count"))) {
    counter.add(rowHashes(rowsOf(batch), seed));
  }
  const cut = counter.cut();
  if (typeof cut === "string") return cut;
  const [training, validation] = await Promise.all([
    sideOf(data, seed, cut, "training"),
    sideOf(data, seed, cut, "validation"),
  ]);
  return { training, validation };
}

/** One side of a stream: its rows, in batches of the size that is asked for. */
async function sideOf(
  data: DataStream,
  seed: number,
  cut: ValidationCut,
  side: "training" | "validation",
): Promise<DataStream> {
  const count = side === "training" ? cut.trainingRows : cut.validationRows;
  const placesIn = (batch: Dataset): readonly number[] => {
    const places: number[] = [];
    for (const [row, hash] of rowHashes(rowsOf(batch), seed).entries()) {
      if (hash < cut.below === (side === "validation")) places.push(row);
    }
    return places;
  };
  async function* batches(size: number, random: Random): AsyncGenerator<Dataset> {
    let gathered = new Gathered(data, Math.min(size, count));
    let left = count;
    for await (const batch of data.batches(size, random)) {
      for (const row of placesIn(batch)) {
        gathered.add(batch, row);
        if (!gathered.isFull) continue;
        yield gathered.dataset();
        left -= gathered.count;
        // More than were counted, where the data have changed since.
        gathered = new Gathered(data, left > 0 ? Math.min(size, left) : size);
      }
    }
    if (gathered.count > 0) yield gathered.dataset();
  }
  return { ...shapesOf(data, count), first: await firstOf(batches, count, seed), batches };
}

async function firstOf(batches: DataStream["batches"], count: number, seed: number): Promise<Dataset> {
  const size = Math.min(FIRST_SAMPLES, count);
  for await (const batch of batches(size, randomFrom(seed, "validation-count"))) return batch;
  throw new FlError("data-loss", "The client's data lost rows while they were read: start again.");
}

/** Room for rows that are put together one by one. */
class Gathered {
  readonly #like: Shapes;
  readonly #room: number;
  readonly #x: Float32Array;
  readonly #y: Float32Array;
  #count = 0;

  constructor(like: Shapes, room: number) {
    this.#like = like;
    this.#room = room;
    this.#x = new Float32Array(room * rowSize(like.x));
    this.#y = new Float32Array(room * rowSize(like.y));
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#room;
  }

  add(from: Dataset, row: number): void {
    put(from.x, row, this.#x, this.#count);
    put(from.y, row, this.#y, this.#count);
    this.#count++;
  }

  /** What is there, of its own memory from then on. */
  dataset(): Dataset {
    const { x, y } = shapesOf(this.#like, this.#count);
    return {
      x: { ...x, values: this.#x.subarray(0, this.#count * rowSize(x)) },
      y: { ...y, values: this.#y.subarray(0, this.#count * rowSize(y)) },
    };
  }
}

type Shape = Pick<Dataset["x"], "shape">;
type Shapes = Readonly<Record<"x" | "y", Shape>>;

function put({ shape, values }: Dataset["x"], row: number, to: Float32Array, at: number): void {
  const size = rowSize({ shape });
  to.set(values.subarray(row * size, (row + 1) * size), at * size);
}

/** The samples at these places, in this order, of their own memory. */
function rowsAt(data: Dataset, places: ArrayLike<number>): Dataset {
  const gathered = new Gathered(data, places.length);
  for (let i = 0; i < places.length; i++) gathered.add(data, places[i] ?? 0);
  return gathered.dataset();
}

function rowsOf({ x, y }: Dataset): RowValues {
  return { count: x.shape[0] ?? 0, x: x.values, y: y.values };
}

function shapesOf({ x, y }: Shapes, count: number): Shapes {
  const of = ({ shape }: Shape) => ({ shape: [count, ...shape.slice(1)] });
  return { x: of(x), y: of(y) };
}

function rowSize({ shape }: Shape): number {
  return elementCount(shape.slice(1));
}
