// What the WebAssembly backend needs to train: it lacks the gradient of a convolution by its filter, and its
// other two kernels for gradients are slow loops. All three become forward operations here, which the backend
// has fast kernels for (a step of the 582,026-parameter CNN: a fifth of the time).
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import type { TensorFlow } from "./tensorFlow.ts";

interface ConvolutionAttributes {
  readonly strides: [height: number, width: number] | number;
  readonly pad: "valid" | "same" | number;
  readonly dataFormat: string;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

const backendName = "wasm";

/** Call once, before the backend starts. */
export function registerWasmKernels(tf: TensorFlow): void {
  // The engine hands a kernel its inputs as the tensors they are, and its attributes as they were given.
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as { x: Tensor4D; dy: Tensor4D };
      const attributes = attrs as unknown as ConvolutionAttributes & { filterShape: Tensor4D["shape"] };
      return filterGradient(tf, x, dy, attributes.filterShape, attributes);
    },
  });
  replaceKernel(tf, "Conv2DBackpropInput", ({ inputs, attrs }) => {
    const { dy, filter } = inputs as { dy: Tensor4D; filter: Tensor4D };
    const attributes = attrs as unknown as ConvolutionAttributes & { inputShape: Tensor4D["shape"] };
    return inputGradient(tf, dy, filter, attributes.inputShape, attributes);
  });
  replaceKernel(tf, "BatchMatMul", ({ inputs, attrs }) => {
    const { a, b } = inputs as { a: Tensor; b: Tensor };
    return transposedProduct(tf, a, b, attrs as { transposeA: boolean; transposeB: boolean });
  });
}

type KernelFunc = Parameters<TensorFlow["registerKernel"]>[0]["kernelFunc"];

/** Puts a kernel in front of the backend's own, which still does what the new one answers with undefined. */
function replaceKernel(
  tf: TensorFlow,
  kernelName: string,
  faster: (params: Parameters<KernelFunc>[0]) => Tensor | undefined,
): void {
  const original = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...original,
    kernelFunc: (params) => faster(params) ?? original.kernelFunc(params),
  });
}

/**
 * dW[i, j] = sum over samples and positions p of x[p * stride + (i, j)] dy[p]: a convolution of x with dy as
 * the filter, channels in the place of samples and samples in the place of channels. Strides of the forward
 * pass dilate that filter.
 */
function filterGradient(
  tf: TensorFlow,
  x: Tensor4D,
  dy: Tensor4D,
  filterShape: Tensor4D["shape"],
  attributes: ConvolutionAttributes,
): Tensor {
  const info = convolution(tf, x.shape, filterShape, attributes);
  const { top, bottom, left, right } = info.padInfo;
  const [height, width, inChannels, outChannels] = filterShape;
  return tf.tidy(() => {
    const image = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const gradients: Tensor4D = tf.transpose(dy, [1, 2, 0, 3]);
    const channelsFirst: Tensor4D = tf.transpose(image, [3, 1, 2, 0]);
    const dilations: [number, number] = [info.strideHeight, info.strideWidth];
    const all = tf.conv2d(channelsFirst, gradients, 1, "valid", "NHWC", dilations);
    // Where strides do not reach the image's last rows and columns, there are more positions than the filter
    // has.
    const own = tf.slice(all, [0, 0, 0, 0], [inChannels, height, width, outChannels]);
    return tf.transpose(own, [1, 2, 0, 3]);
  });
}

/**
 * dx = the convolution of dy, padded to full overlap, with the filter turned by 180° and its channels
 * swapped.
 */
function inputGradient(
  tf: TensorFlow,
  dy: Tensor4D,
  filter: Tensor4D,
  inputShape: Tensor4D["shape"],
  attributes: ConvolutionAttributes,
): Tensor | undefined {
  const info = convolution(tf, inputShape, filter.shape, attributes);
  const { top, bottom, left, right } = info.padInfo;
  const [height, width] = filter.shape;
  const around = [height - 1 - top, height - 1 - bottom, width - 1 - left, width - 1 - right] as const;
  if (info.strideHeight !== 1 || info.strideWidth !== 1 || Math.min(...around) < 0) return undefined;
  return tf.tidy(() => {
    const full = tf.pad(dy, [
      [0, 0],
      [around[0], around[1]],
      [around[2], around[3]],
      [0, 0],
    ]);
    const turned: Tensor4D = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
    return tf.conv2d(full, turned, 1, "valid");
  });
}

/** The backend multiplies fast only what need not be transposed. */
function transposedProduct(
  tf: TensorFlow,
  a: Tensor,
  b: Tensor,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): Tensor | undefined {
  if (!transposeA && !transposeB) return undefined;
  return tf.tidy(() => {
    const turned = (matrices: Tensor): Tensor => {
      const axes = matrices.shape.map((_, axis) => axis);
      return tf.transpose(matrices, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
    };
    return tf.matMul(transposeA ? turned(a) : a, transposeB ? turned(b) : b);
  });
}

function convolution(
  tf: TensorFlow,
  inputShape: Tensor4D["shape"],
  filterShape: Tensor4D["shape"],
  { strides, pad, dataFormat, dimRoundingMode }: ConvolutionAttributes,
) {
  if (dataFormat !== "NHWC") {
    throw new Error(`A convolution with the data format ${dataFormat} cannot be trained on WebAssembly.`);
  }
  return tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
}
