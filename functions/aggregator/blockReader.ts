// Reads blocks of coordinates of many updates, by ranges of their objects: of updates that were read whole
// and found sound before, and of those very writes of them.
import { FlError } from "../../shared/core/errors.ts";
import type { Encoding } from "../../shared/core/methods/update/updateMethod.ts";
import type { ObjectStore } from "../../shared/core/ports/objectStore.ts";
import type { FoldSource, WantedUpdate } from "../../shared/core/round/foldSource.ts";
import { updateKey } from "../../shared/core/round/inbox.ts";
import { updateObject } from "../../shared/core/round/objects.ts";
import { type FlatLayout, segmentsWithin } from "../../shared/core/updates/flat.ts";
import {
  decodeSafetensors,
  itemBytes,
  parseHeader,
  type Tensor,
  type TensorEntry,
} from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, sentParameters } from "../../shared/core/updates/weights.ts";

/** Updates whose ranges are on their way at once. */
const PARALLEL = 16;

/** What is kept of an update's file. */
interface Known {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Tensors that are no parameter's, such as scales: small. */
  readonly side: readonly Tensor[];
}

export interface BlockReader {
  /** Notes where the tensors of an update lie; the file itself is not kept. */
  remember(update: WantedUpdate, file: Uint8Array): void;
  readonly read: FoldSource["block"];
}

export function blockReader(
  runId: string,
  model: ModelShape,
  encoding: Encoding,
  objects: Pick<ObjectStore, "readRange">,
): BlockReader {
  const names = sentParameters(model)
    .map(({ name }) => name)
    .sort();
  const parameters = new Set(names);
  const known = new Map<string, Known>();
  return {
    remember({ update }, file) {
      const entries = new Map(parseHeader(file).tensors.map((entry) => [entry.name, entry]));
      const side = decodeSafetensors(file)
        .tensors.filter(({ name }) => !parameters.has(name))
        .map((tensor) => ({ ...tensor, data: tensor.data.slice() }));
      known.set(updateKey(update), { entries, side });
    },
    async read(wanted, layout, begin, end) {
      const rows: Float32Array[] = [];
      for (let start = 0; start < wanted.length; start += PARALLEL) {
        const some = wanted.slice(start, start + PARALLEL);
        rows.push(...(await Promise.all(some.map((update) => readRow(update, layout, begin, end)))));
      }
      return rows;
    },
  };

  async function readRow(
    { update, invocation }: WantedUpdate,
    layout: FlatLayout,
    begin: number,
    end: number,
  ): Promise<Float32Array> {
    const { entries, side } = known.get(updateKey(update)) ?? { entries: new Map(), side: [] };
    const row = new Float32Array(end - begin);
    const pieces = segmentsWithin(layout, begin, end).map((part) => {
      const entry: TensorEntry | undefined = entries.get(part.segment.name);
      if (entry === undefined)
        throw new FlError("internal", `${updateKey(update)} was not read whole before.`);
      const bytes = itemBytes[entry.dtype];
      const from = entry.begin + (part.begin - part.segment.start) * bytes;
      return { ...part, entry, from, to: from + (part.end - part.begin) * bytes };
    });
    const name = updateObject(runId, update);
    const generation = invocation.updateGeneration ?? undefined;
    for (const joined of adjacent(pieces)) {
      const [first, last] = [joined[0], joined.at(-1)];
      if (first === undefined || last === undefined) continue;
      const data = await objects.readRange(name, first.from, last.to, generation);
      for (const { segment, entry, begin: at, end: until, from, to } of joined) {
        const slice = { name: segment.name, dtype: entry.dtype, shape: [until - at] };
        const tensor = { ...slice, data: data.subarray(from - first.from, to - first.from) };
        row.set(encoding.values(tensor, side, names), at - begin);
      }
    }
    return row;
  }
}

/** Pieces that lie one behind the other in the file are read at once. */
function adjacent<T extends { readonly from: number; readonly to: number }>(
  pieces: readonly T[],
): readonly (readonly T[])[] {
  const groups: T[][] = [];
  for (const piece of pieces) {
    const group = groups.at(-1);
    if (group !== undefined && group.at(-1)?.to === piece.from) group.push(piece);
    else groups.push([piece]);
  }
  return groups;
}
