// Every value in 8 bits: a whole number of steps of 1/127 of its tensor's largest. Rounded up or down by
// chance, so that the expectation is the value itself and errors average out over clients and rounds
// (Alistarh et al. 2017, section 3.1).
import { FlError } from "../../../errors.ts";
import type { Random } from "../../../random.ts";
import { asFloat32, floatTensor } from "../../../updates/safetensors.ts";
import type { ModelShape, Weights } from "../../../updates/weights.ts";
import { isStatistic, type UpdateMethod } from "../updateMethod.ts";

/** Steps from zero to the largest value, to either side. */
const STEPS = 127;

/**
 * The tensor with the length of a step of each parameter, by the order of their names. A slash begins no
 * parameter's name.
 */
export const STEP_LENGTHS = "/int8/steps";

export const behaviour: UpdateMethod = {
  encoding: {
    encode(delta, model, random) {
      if (random === undefined)
        throw new FlError("invalid-argument", "int8 rounds by chance: give it a Random.");
      const isKept = isStatistic(model);
      const steps = new Map(delta.map(({ name, values }) => [name, stepOf(values)]));
      const lengths = Float32Array.from(namesOf(delta), (name) => steps.get(name) ?? 0);
      return [
        floatTensor(STEP_LENGTHS, [lengths.length], lengths),
        ...delta.map(({ name, shape, values }) => {
          if (isKept(name)) return floatTensor(name, shape, values);
          const data = new Int8Array(values.length);
          quantise(values, steps.get(name) ?? 0, random, data);
          return { name, dtype: "I8" as const, shape, data: new Uint8Array(data.buffer) };
        }),
      ];
    },
    layout: (model: ModelShape) => [
      { name: STEP_LENGTHS, shape: [model.length], dtype: "F32" },
      ...model.map(({ name, shape, role }) => ({
        name,
        shape,
        dtype: role === "statistic" ? ("F32" as const) : ("I8" as const),
      })),
    ],
    values(tensor, side, names) {
      if (tensor.dtype !== "I8") return asFloat32(tensor);
      const { name, data } = tensor;
      const lengths = side.find((tensor) => tensor.name === STEP_LENGTHS);
      const step = lengths === undefined ? Number.NaN : asFloat32(lengths)[names.indexOf(name)];
      const values = new Float32Array(data.byteLength);
      const whole = new Int8Array(data.buffer, data.byteOffset, data.byteLength);
      for (let i = 0; i < values.length; i++) values[i] = (whole[i] ?? 0) * (step ?? Number.NaN);
      return values;
    },
  },
};

/** As a 32-bit number that both sides have. */
function stepOf(values: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] ?? 0);
    // One value that is not a number makes the whole tensor NaN, so that the update is refused, not changed.
    if (Number.isNaN(size)) return Number.NaN;
    if (size > largest) largest = size;
  }
  return Math.fround(largest / STEPS);
}

function quantise(values: Float32Array, step: number, random: Random, into: Int8Array): void {
  if (step === 0) return; // All zero, or too small for a step of 32 bits.
  for (let i = 0; i < values.length; i++) {
    const exact = (values[i] ?? 0) / step;
    const down = Math.floor(exact);
    const rounded = down + (random.next() < exact - down ? 1 : 0);
    into[i] = Math.min(STEPS, Math.max(-STEPS, rounded));
  }
}

function namesOf(delta: Weights): readonly string[] {
  return delta.map(({ name }) => name).sort();
}
