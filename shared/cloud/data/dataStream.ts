// Samples that do not fit into memory, in batches: pieces of the data set in a drawn order, and their rows
// shuffled within a window of some pieces.
import type { DataStream, Dataset, Draws } from "../../core/ports/trainer.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { readAhead } from "./readAhead.ts";
import type { Rows } from "./rows.ts";

export interface StreamPiece {
  readonly count: number;
  readonly again: () => Promise<Rows>;
}

export interface StreamParts {
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  readonly samples: number;
  readonly first: Dataset;
  readonly pieces: readonly StreamPiece[];
  /** Values of the rows that are shuffled together, at least one piece; default 8 MiB. */
  readonly windowBytes?: number;
}

const WINDOW_BYTES = 2 ** 23;

export function dataStream({
  inputShape,
  targetShape,
  samples,
  first,
  pieces,
  windowBytes = WINDOW_BYTES,
}: StreamParts): Omit<DataStream, "facts"> {
  const sizes = { x: elementCount(inputShape), y: elementCount(targetShape) };
  const rowBytes = (sizes.x + sizes.y) * Float32Array.BYTES_PER_ELEMENT;

  async function* batches(size: number, random: Draws): AsyncGenerator<Dataset> {
    let batch = emptyBatch(Math.min(size, samples));
    let filled = 0;
    let left = samples;
    for await (const window of windowsOf(pieces, rowBytes, windowBytes, random)) {
      const rows = window.reduce((sum, { count }) => sum + count, 0);
      // Which piece each row of the window is in, and where.
      const starts: number[] = [];
      let start = 0;
      for (const { count } of window) {
        starts.push(start);
        start += count;
      }
      for (const place of random.order(rows)) {
        const piece = lastAtMost(starts, place);
        const [from, row] = [window[piece], place - (starts[piece] ?? 0)];
        if (from === undefined) continue;
        batch.x.set(from.x.subarray(row * sizes.x, (row + 1) * sizes.x), filled * sizes.x);
        batch.y.set(from.y.subarray(row * sizes.y, (row + 1) * sizes.y), filled * sizes.y);
        filled++;
        if (filled * sizes.x < batch.x.length) continue;
        yield datasetOf(batch, filled);
        left -= filled;
        filled = 0;
        batch = emptyBatch(Math.min(size, left));
      }
    }
  }

  function emptyBatch(rows: number): { readonly x: Float32Array; readonly y: Float32Array } {
    return { x: new Float32Array(rows * sizes.x), y: new Float32Array(rows * sizes.y) };
  }

  function datasetOf(
    { x, y }: { readonly x: Float32Array; readonly y: Float32Array },
    count: number,
  ): Dataset {
    return {
      x: { shape: [count, ...inputShape], values: x },
      y: { shape: [count, ...targetShape], values: y },
    };
  }

  return {
    x: { shape: [samples, ...inputShape] },
    y: { shape: [samples, ...targetShape] },
    first,
    batches: (size, random) => readAhead(batches(size, random)),
  };
}

async function* windowsOf(
  pieces: readonly StreamPiece[],
  rowBytes: number,
  windowBytes: number,
  random: Draws,
): AsyncGenerator<readonly Rows[]> {
  let [window, bytes]: [Rows[], number] = [[], 0];
  for (const place of random.order(pieces.length)) {
    const rows = await pieces[place]?.again();
    if (rows === undefined) continue;
    window.push(rows);
    bytes += rows.count * rowBytes;
    if (bytes < windowBytes) continue;
    yield window;
    [window, bytes] = [[], 0];
  }
  if (window.length > 0) yield window;
}

/** The place of the last of ascending numbers that is not above a value. */
function lastAtMost(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((ascending[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
