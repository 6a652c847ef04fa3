// Labelled grey images in memory, and the files that clients and the evaluator read them from.
import { datasetMetadata } from "../../shared/cloud/tensors/dataset.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";

export interface LabelledImages {
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** One byte a pixel, image after image, row-major. */
  readonly pixels: Uint8Array;
  /** One byte an image: its class, 0..classes-1. */
  readonly labels: Uint8Array;
}

/**
 * The data set's file of the images at these places, in this order: x is U8 [n, height, width, 1], y is U8
 * [n].
 */
export function encodeImages(images: LabelledImages, places: readonly number[]): Uint8Array<ArrayBuffer> {
  const { height, width, classes } = images;
  const imageBytes = height * width;
  const pixels = new Uint8Array(places.length * imageBytes);
  const labels = new Uint8Array(places.length);
  places.forEach((place, i) => {
    pixels.set(images.pixels.subarray(place * imageBytes, (place + 1) * imageBytes), i * imageBytes);
    labels[i] = images.labels[place] ?? 0;
  });
  return encodeSafetensors(
    [
      { name: "x", dtype: "U8", shape: [places.length, height, width, 1], data: pixels },
      { name: "y", dtype: "U8", shape: [places.length], data: labels },
    ],
    { [datasetMetadata.divisor]: "255", [datasetMetadata.classes]: String(classes) },
  );
}
