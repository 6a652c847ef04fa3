// Folding updates beside copying their bytes: how close the aggregation is to what memory can do.
import { moveModel } from "../../../shared/core/methods/aggregation/serverState.ts";
import { WeightedSum } from "../../../shared/core/methods/aggregation/weightedSum.ts";
import { portableSums } from "../../../shared/core/sums/portableSums.ts";
import { flatLayout } from "../../../shared/core/updates/flat.ts";
import type { Bench } from "../bench.ts";
import { gigabytesPerSecond, medianMs } from "../timing.ts";

const PARAMETERS = 10_000_000;
const UPDATES = 10;
const REPEATS = 7;

export const fold: Bench = {
  name: "fold",
  about: "fold 10 updates of 10 million float32 values, beside a plain copy of the same bytes",
  async run() {
    const model = [{ name: "w", shape: [PARAMETERS] }];
    const updateBytes = PARAMETERS * Float32Array.BYTES_PER_ELEMENT;
    const bytes = UPDATES * updateBytes;

    // As in the aggregator: the updates lie in the memory that the aggregation gives.
    const inRoom = new WeightedSum(flatLayout(model));
    const room = inRoom.room(bytes);
    const placed = views(room);
    const elsewhere = new WeightedSum(flatLayout(model));
    const apart = placed.map((values) => values.slice());
    const portable = portableSums(PARAMETERS);
    const target = new Float32Array(PARAMETERS);
    const base = new Float32Array(PARAMETERS);

    const add = (aggregation: typeof inRoom, values: Float32Array) =>
      aggregation.add([{ name: "w", shape: [PARAMETERS], values }], 7, 1);
    const ms = await medianMs(
      {
        copy: () => {
          for (const values of apart) target.set(values);
        },
        inPlace: () => {
          for (const values of placed) add(inRoom, values);
        },
        elsewhere: () => {
          for (const values of apart) add(elsewhere, values);
        },
        portable: () => {
          for (const values of apart) portable.add(0, values, 7);
        },
        finish: () => {
          moveModel([{ name: "w", shape: [PARAMETERS], values: base }], model, inRoom, null);
        },
      },
      REPEATS,
    );
    const speed = (of: number) => gigabytesPerSecond(bytes, of);
    return [
      { name: "copy", value: speed(ms.copy), unit: "GB/s", note: "TypedArray.set" },
      {
        name: "fold",
        value: speed(ms.inPlace),
        unit: "GB/s",
        note: "in place, WebAssembly vectors, float64 sums",
      },
      { name: "fold ÷ copy", value: ms.copy / ms.inPlace, unit: "x", aim: { least: 0.5 } },
      {
        name: "fold of values elsewhere",
        value: speed(ms.elsewhere),
        unit: "GB/s",
        note: "copied block by block",
      },
      {
        name: "fold in JavaScript",
        value: speed(ms.portable),
        unit: "GB/s",
        note: "same bytes, without WebAssembly",
      },
      { name: "finish", value: ms.finish, unit: "ms", note: "add the mean to the base, in place" },
    ];
  },
};

function views(room: Uint8Array<ArrayBuffer>): Float32Array[] {
  return Array.from({ length: UPDATES }, (_, k) => {
    const values = new Float32Array(
      room.buffer,
      room.byteOffset + k * PARAMETERS * Float32Array.BYTES_PER_ELEMENT,
      PARAMETERS,
    );
    for (let i = 0; i < values.length; i++) values[i] = Math.fround(((i * (k + 3)) % 1009) / 1e5 - 0.005);
    return values;
  });
}
