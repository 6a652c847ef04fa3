// Whether a model fits where it has to: what it takes of memory and of its run's document.
import { elementCount } from "../updates/safetensors.ts";
import type { ModelShape } from "../updates/weights.ts";

const BYTES_PER_VALUE = 4;

/**
 * Times its own size that a model takes while it is made, trained or folded; the rest of the memory is for
 * everything else.
 */
export const MODEL_COPIES = 4;

/**
 * A run's document names every parameter. Firestore takes 1 MiB; this leaves room for the rest of the
 * document.
 */
const MAX_PARAMETERS_BYTES = 900_000;

/**
 * Layers of a model, those of models in it included: TensorFlow.js takes the longer for each the more there
 * are.
 */
const MAX_LAYERS = 2_000;

const MIB = 2 ** 20;

export interface ModelSize {
  readonly parameterCount: number;
  /** Of the weights as 32-bit floats. */
  readonly sizeBytes: number;
}

export function modelSize(shapes: ModelShape): ModelSize {
  const parameterCount = shapes.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { parameterCount, sizeBytes: parameterCount * BYTES_PER_VALUE };
}

/** Parameters that are worked on in so much memory, at most. */
export function maxParameters(memoryMib: number): number {
  return Math.floor((memoryMib * MIB) / MODEL_COPIES / BYTES_PER_VALUE);
}

/** Memory that a function needs for a model at the least, in MiB. */
export function neededMib({ sizeBytes }: ModelSize, copies = MODEL_COPIES): number {
  return Math.ceil((sizeBytes * copies) / MIB);
}

/** Why a model is too large for a function of so much memory, in words; null where it is not. */
export function whyTooLarge(size: ModelSize, memoryMib: number): string | null {
  if (size.parameterCount <= maxParameters(memoryMib)) return null;
  return `it has ${size.parameterCount} parameters, which take ${neededMib(size)} MiB to work on, and there are ${Math.ceil(memoryMib)}`;
}

/** Why a run's document cannot name these parameters, in words; null where it can. */
export function whyTooMany(shapes: ModelShape): string | null {
  const bytes = shapes.reduce((sum, parameter) => sum + documentBytes(parameter), 0);
  if (bytes <= MAX_PARAMETERS_BYTES) return null;
  return (
    `the names and shapes of its ${shapes.length} parameters take ${bytes} bytes, and a run's document has room ` +
    `for ${MAX_PARAMETERS_BYTES}; use fewer layers or shorter names`
  );
}

/** Why so many layers are not built, in words; null where they are. */
export function whyTooDeep(layers: number): string | null {
  return layers <= MAX_LAYERS
    ? null
    : `it has ${layers} layers, and at most ${MAX_LAYERS} are built; use fewer layers`;
}

/** What Firestore counts for a parameter's name and shape: text by its bytes and one, a number as eight. */
function documentBytes({ name, shape }: ModelShape[number]): number {
  return "name_shape_".length + new TextEncoder().encode(name).length + 1 + 8 * shape.length;
}
