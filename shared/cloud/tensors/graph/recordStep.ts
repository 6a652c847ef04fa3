// Records the operations of a step while the native backend runs them: which takes what of which, and what
// comes from outside of the step.
import { withDraws } from "../draws.ts";
import type { TensorFlow } from "../tensorFlow.ts";
import type { NativeBackend, OpAttribute, TensorInfo } from "./nativeBackend.ts";

/** Where an input of an operation comes from. */
export type Source =
  | { readonly kind: "op"; readonly op: number; readonly output: number }
  /** One of the tensors that the step is given, by name. */
  | { readonly kind: "given"; readonly name: string }
  | { readonly kind: "constant"; readonly constant: number }
  /** Drawn in the step, in the order of the draws. */
  | { readonly kind: "drawn"; readonly draw: number }
  | { readonly kind: "int64"; readonly value: number };

export interface RecordedInput {
  readonly source: Source;
  /** A tensor may be taken in another shape than it was made in: reshaping runs no operation. */
  readonly shape: readonly number[];
  readonly madeShape: readonly number[];
  readonly dtype: TensorInfo["dtype"];
}

export interface RecordedOp {
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly RecordedInput[];
}

export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: TensorInfo["dtype"];
  /** One for each element, or one alone that all of them have. */
  readonly values: ArrayLike<number>;
}

export interface Recording {
  readonly ops: readonly RecordedOp[];
  readonly constants: readonly Constant[];
  /** Shapes of uniform draws from 0 to 1. */
  readonly draws: readonly (readonly number[])[];
  /** Where tensors at the end of the step come from, in the order asked for. */
  readonly results: readonly RecordedInput[];
}

/** Values of all constants together at most: what is larger is given, not made in a step. */
const MAX_CONSTANT_VALUES = 1_000_000;

/** Operations at most, such as those of a recurrent layer over long samples. */
const MAX_OPS = 20_000;

/**
 * Does the work, which is synchronous, and records its operations. The work is done whether or not they can
 * be recorded.
 *
 * @param given tensors that exist before, by the names that a graph is to have for them
 * @param resultsOf what is asked for of the work's result
 * @returns the recording, or why there is none
 */
export function recordStep<T>(
  tf: TensorFlow,
  backend: NativeBackend,
  given: ReadonlyMap<string, TensorInfo>,
  work: () => T,
  resultsOf: (result: T) => readonly TensorInfo[],
): { readonly result: T; readonly recording: Recording | string } {
  const ops: RecordedOp[] = [];
  const constants: Constant[] = [];
  const draws: Draw[] = [];
  const sources = new Map<object, { readonly source: Source; readonly shape: readonly number[] }>();
  const { executeSingleOutput, executeMultipleOutputs, write } = backend;
  let constantValues = 0;
  /** Why the work cannot be recorded, once that is known. */
  let reason: string | null = null;
  for (const [name, { dataId, shape }] of given) {
    if (sources.has(dataId)) reason = `two of the tensors that it begins with are one, ${name} among them`;
    sources.set(dataId, { source: { kind: "given", name }, shape });
  }

  const constantOf = ({ dataId, shape, dtype }: TensorInfo): Source => {
    constantValues += shape.reduce((product, size) => product * size, 1);
    if (constantValues > MAX_CONSTANT_VALUES) reason ??= "its constants are too large";
    const values = reason === null ? backend.readSync(dataId) : [];
    constants.push({
      shape: [...shape],
      dtype,
      values: isUniform(values) ? values.slice(0, 1) : values.slice(),
    });
    return { kind: "constant", constant: constants.length - 1 };
  };
  const inputOf = (tensor: TensorInfo): RecordedInput => {
    const { dataId, shape, dtype, valueArray } = tensor;
    if (valueArray !== undefined) {
      return { source: { kind: "int64", value: Number(valueArray[0]) }, shape: [], madeShape: [], dtype };
    }
    const known = sources.get(dataId) ?? { source: constantOf(tensor), shape: [...shape] };
    sources.set(dataId, known);
    return { source: known.source, shape: [...shape], madeShape: known.shape, dtype };
  };
  const record = (name: string, attributes: OpAttribute[], inputs: TensorInfo[], run: () => TensorInfo[]) => {
    if (ops.length >= MAX_OPS) reason ??= `it has more than ${MAX_OPS} operations`;
    if (reason !== null) return run();
    const recorded = inputs.map(inputOf);
    const outputs = run();
    const op = ops.push({ name, attributes, inputs: recorded }) - 1;
    for (const [output, { dataId, shape }] of outputs.entries()) {
      sources.set(dataId, { source: { kind: "op", op, output }, shape: [...shape] });
    }
    return outputs;
  };

  let drawnSeed: number | null = null;
  const own = Math.random;
  const replaced: Replaced = {
    executeSingleOutput: (name, attributes, inputs) =>
      record(name, attributes, inputs, () => [
        executeSingleOutput.call(backend, name, attributes, inputs),
      ])[0] as TensorInfo,
    executeMultipleOutputs: (name, attributes, inputs, outputs) =>
      record(name, attributes, inputs, () =>
        executeMultipleOutputs.call(backend, name, attributes, inputs, outputs),
      ),
    // A draw asks for a seed, and writes what it draws.
    write: (values, shape, dtype) => {
      const dataId = write.call(backend, values, shape, dtype);
      if (drawnSeed !== null) {
        sources.set(dataId, { source: { kind: "drawn", draw: draws.length }, shape: [...shape] });
        draws.push({ seed: drawnSeed, shape: [...shape], values: values as ArrayLike<number> });
        drawnSeed = null;
      }
      return dataId;
    },
  };
  // What is done with a number outside of TensorFlow is in no graph. Kernels that read ask the backend.
  const engine = tf.engine();
  const { readSync } = engine;
  engine.readSync = (dataId) => {
    const { kind = "constant" } = sources.get(dataId)?.source ?? {};
    if (kind !== "constant" && !isChecking) reason ??= READS;
    return readSync.call(engine, dataId);
  };
  Math.random = () => {
    if (drawnSeed !== null) reason ??= OTHER_DRAWS;
    drawnSeed = own();
    return drawnSeed;
  };
  const [result, results] = (() => {
    Object.assign(backend, replaced);
    try {
      const done = work();
      return [done, resultsOf(done).map(inputOf)] as const;
    } finally {
      Math.random = own;
      Reflect.deleteProperty(engine, "readSync");
      for (const name of Object.keys(replaced)) Reflect.deleteProperty(backend, name);
    }
  })();
  if (drawnSeed !== null || !draws.every((draw) => drawsUniformly(tf, draw))) reason ??= OTHER_DRAWS;
  const recording = { ops, constants, draws: draws.map(({ shape }) => shape), results };
  return { result, recording: reason ?? recording };
}

/** Whether all have one value: gradients begin with ones, as many as there are elements. */
function isUniform(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], values[0])) return false;
  return values.length > 0;
}

let isChecking = false;

/**
 * Reads numbers only to refuse them: a graph does without. An operation that cannot take them fails in it,
 * and is then run alone.
 */
export function readToCheck<T>(read: () => T): T {
  isChecking = true;
  try {
    return read();
  } finally {
    isChecking = false;
  }
}

type Replaced = Pick<NativeBackend, "executeSingleOutput" | "executeMultipleOutputs" | "write">;

const READS = "it reads numbers of its tensors";
const OTHER_DRAWS = "it draws other numbers than those of dropout";

interface Draw {
  readonly seed: number;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Whether the same seed draws the same numbers uniformly from 0 to 1. */
function drawsUniformly(tf: TensorFlow, { seed, shape, values }: Draw): boolean {
  const again = withDraws({ next: () => seed }, () => tf.randomUniform([...shape]));
  const isSame = again.dataSync().every((value, i) => value === Math.fround(values[i] ?? Number.NaN));
  again.dispose();
  return isSame && again.size === values.length;
}
