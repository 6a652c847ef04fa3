// A built-in model as data: its layers in the words of Keras, the loss it is trained with, and what its data
// look like.
import type { Loss } from "../schemas/loss.ts";

/** One layer: its Keras class and that class's options, in camel case. Lists are per dimension. */
export type LayerSpec = { readonly name: string } & (
  | {
      readonly type: "Conv2D";
      readonly filters: number;
      readonly kernelSize: readonly [height: number, width: number];
      readonly strides?: readonly [height: number, width: number];
      readonly padding?: "valid" | "same";
      readonly activation?: string;
    }
  | { readonly type: "MaxPooling2D"; readonly poolSize: readonly [height: number, width: number] }
  | { readonly type: "Flatten" }
  | { readonly type: "Dense"; readonly units: number; readonly activation?: string }
  | { readonly type: "Dropout"; readonly rate: number }
);

export interface ModelSpec {
  readonly name: string;
  readonly description: string;
  /** Of one sample, without the batch dimension. */
  readonly inputShape: readonly number[];
  /** Number of classes; labels are 0..classes-1. */
  readonly classes: number;
  readonly layers: readonly LayerSpec[];
  /** The loss that fits the last layer. */
  readonly loss: Loss;
}
