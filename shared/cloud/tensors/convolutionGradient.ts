// The gradient of a 2-D convolution by its filter, which the WebAssembly backend lacks: without it no CNN trains there.
// A sum over the filter's positions of what the forward pass multiplied there: dW[i, j] = patch(i, j)^T dy.
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import type { TensorFlow } from "./loadTensors.ts";

interface Attributes {
  readonly strides: [number, number] | number;
  readonly pad: "valid" | "same" | number;
  readonly dataFormat: string;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly filterShape: [height: number, width: number, inChannels: number, outChannels: number];
}

/** Registers the kernel for the `wasm` backend: valid, same and explicit padding, any strides. Channels-last only. */
export function registerConvolutionGradient(tf: TensorFlow): void {
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as { x: Tensor4D; dy: Tensor4D }; // The engine hands its tensors through.
      return filterGradient(tf, x, dy, attrs as unknown as Attributes);
    },
  });
}

function filterGradient(tf: TensorFlow, x: Tensor4D, dy: Tensor4D, attributes: Attributes): Tensor {
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } = attributes;
  if (dataFormat !== "NHWC")
    throw new Error(`A convolution with data format ${dataFormat} cannot be trained on wasm.`);
  const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { batchSize, inChannels, outChannels, outHeight, outWidth, strideHeight, strideWidth } = info;
  const { top, bottom, left, right } = info.padInfo;
  const positions = batchSize * outHeight * outWidth;
  return tf.tidy(() => {
    const padded =
      top + bottom + left + right === 0
        ? x
        : tf.pad(x, [
            [0, 0],
            [top, bottom],
            [left, right],
            [0, 0],
          ]);
    const gradients = tf.reshape(dy, [positions, outChannels]);
    const parts: Tensor[] = [];
    for (let i = 0; i < info.filterHeight; i++) {
      for (let j = 0; j < info.filterWidth; j++) {
        const end = [
          batchSize,
          i + (outHeight - 1) * strideHeight + 1,
          j + (outWidth - 1) * strideWidth + 1,
          inChannels,
        ];
        const patch = tf.stridedSlice(padded, [0, i, j, 0], end, [1, strideHeight, strideWidth, 1]);
        parts.push(tf.matMul(tf.reshape(patch, [positions, inChannels]), gradients, true, false));
      }
    }
    return tf.reshape(tf.stack(parts), filterShape);
  });
}
