// What there is of the native backend of TensorFlow.js beyond its public type: the two places where every
// kernel ends, and sessions of saved models.
import type { DataType, Tensor, TypedArray } from "@tensorflow/tfjs";
import type { TensorFlow } from "../tensorFlow.ts";

/** A tensor as kernels see it. */
export interface TensorInfo {
  readonly dataId: object;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** Of an int64 scalar, which is no tensor of TensorFlow.js. */
  readonly valueArray?: ArrayLike<number>;
}

/** An attribute of an operation; `type` is one of the binding's own numbers. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  /** @param path ends with a separator */
  loadSavedModel(path: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputIds: readonly number[], inputs: string, outputs: string): OutputMetadata[];
}

interface OutputMetadata {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface NativeBackend {
  readonly binding: Binding;
  executeSingleOutput(name: string, attributes: OpAttribute[], inputs: TensorInfo[]): TensorInfo;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: TensorInfo[],
    outputs: number,
  ): TensorInfo[];
  write(values: unknown, shape: number[], dtype: DataType): object;
  readSync(dataId: object): TypedArray;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(metadata: OutputMetadata): Tensor;
}

/** The native backend, where it is the one in use and has all that; null elsewhere. */
export function nativeBackend(tf: TensorFlow): NativeBackend | null {
  const backend = tf.backend() as unknown as Partial<NativeBackend>;
  const { binding } = backend;
  const isComplete =
    typeof binding?.loadSavedModel === "function" &&
    typeof binding.runSavedModel === "function" &&
    typeof backend.executeSingleOutput === "function" &&
    typeof backend.executeMultipleOutputs === "function" &&
    typeof backend.getInputTensorIds === "function" &&
    typeof backend.createOutputTensor === "function";
  return isComplete ? (backend as NativeBackend) : null;
}
