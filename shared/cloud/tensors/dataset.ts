// A data set's file: a safetensors file with the samples `x` and the labels `y`, both with one row a sample.
import { FlError } from "../../core/errors.ts";
import type { Dataset } from "../../core/ports/trainer.ts";
import { decodeSafetensors, elementCount, quoteName, type Tensor } from "../../core/updates/safetensors.ts";

/** The metadata that a data set's file may have, each a number in decimal. */
export const datasetMetadata = {
  /** What the values of `x` are divided by, e.g. 255 for bytes of grey. Without it they are taken as they are. */
  divisor: "divisor",
  /** How many classes there are: every value of `y` is then an integer in 0..classes-1. */
  classes: "classes",
} as const;

/**
 * The data set in a file's bytes, as floats. Tensors may be U8, I32 or F32.
 *
 * @throws FlError("invalid-argument") when the file is no data set: a tensor is missing or of another type, there are no
 *   samples, x and y differ in their number, or a label is out of range; as `decodeSafetensors` for a broken file
 */
export function decodeDataset(bytes: Uint8Array): Dataset {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const named = (name: string): Tensor => {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (tensor === undefined) throw invalid(`it has no tensor "${name}"`);
    return tensor;
  };
  const [x, y] = [named("x"), named("y")];
  const [samples = 0, labels = 0] = [x.shape[0], y.shape[0]];
  if (samples !== labels) throw invalid(`it has ${samples} samples but ${labels} labels`);
  if (samples === 0 || elementCount(x.shape) === 0) throw invalid("it has no samples");
  const divisor = positive(metadata, datasetMetadata.divisor) ?? 1;
  const targets = floatsOf(y, 1);
  const classes = positive(metadata, datasetMetadata.classes);
  if (classes !== undefined) checkLabels(targets, classes);
  return { x: { shape: x.shape, values: floatsOf(x, divisor) }, y: { shape: y.shape, values: targets } };
}

function floatsOf(tensor: Tensor, divisor: number): Float32Array {
  const values = numbersOf(tensor);
  return divisor === 1 ? Float32Array.from(values) : Float32Array.from(values, (value) => value / divisor);
}

function numbersOf({ name, dtype, data }: Tensor): Uint8Array | Int32Array | Float32Array {
  if (dtype === "U8") return data;
  const { buffer } = data.slice(); // Aligned, whatever the tensor's place in the file.
  if (dtype === "I32") return new Int32Array(buffer);
  if (dtype === "F32") return new Float32Array(buffer);
  throw invalid(`its tensor ${quoteName(name)} is ${dtype}; U8, I32 and F32 can be read`);
}

function positive(metadata: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = metadata[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw invalid(`its metadata "${key}" must be a positive number, not ${quoteName(text)}`);
}

function checkLabels(labels: Float32Array, classes: number): void {
  const bad = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (bad !== undefined) throw invalid(`the label ${bad} is none of its classes 0..${classes - 1}`);
}

function invalid(what: string): FlError {
  return new FlError("invalid-argument", `Bad data set: ${what}.`);
}
