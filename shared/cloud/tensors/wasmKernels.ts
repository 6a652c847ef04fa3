// What the WebAssembly backend needs to train: it lacks the gradient of a convolution by its filter, and its
// other two kernels for gradients are slow loops. All three become forward operations here, which the backend
// has fast kernels for (a step of the 582,026-parameter CNN: a fifth of the time). And what it computes
// wrongly.
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import type { TensorFlow } from "./tensorFlow.ts";

interface ConvolutionAttributes {
  readonly strides: [height: number, width: number] | number;
  readonly pad: "valid" | "same" | number;
  readonly dataFormat: string;
  readonly dilations?: [height: number, width: number] | number | null;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

interface PoolAttributes {
  readonly filterSize: [height: number, width: number] | number;
  readonly strides: [height: number, width: number] | number;
  readonly pad: "valid" | "same" | number;
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
  replaceKernel(tf, "MaxPoolGrad", ({ inputs, attrs }) => {
    const { dy, input, output } = inputs as { dy: Tensor4D; input: Tensor4D; output: Tensor4D };
    return poolGradient(tf, dy, input, output, attrs as unknown as PoolAttributes);
  });
  for (const [kernelName, isDepthwise] of FORWARD) {
    replaceKernel(tf, kernelName, ({ inputs, attrs, backend }, original) => {
      const { x, filter } = inputs as { x: Tensor4D; filter: Tensor4D };
      const padded = paddedForGaps(tf, x, filter, attrs as unknown as ConvolutionAttributes, isDepthwise);
      if (padded === undefined) return undefined;
      const made = original({ inputs: { ...inputs, x: padded }, attrs: { ...attrs, pad: "valid" }, backend });
      padded.dispose();
      return made as Tensor;
    });
  }
}

/** Convolutions by the names of their kernels, and whether they are by depth. */
const FORWARD = [
  ["Conv2D", false],
  ["FusedConv2D", false],
  ["DepthwiseConv2dNative", true],
  ["FusedDepthwiseConv2D", true],
] as const;

type KernelFunc = Parameters<TensorFlow["registerKernel"]>[0]["kernelFunc"];

/** Puts a kernel in front of the backend's own, which still does what the new one answers with undefined. */
function replaceKernel(
  tf: TensorFlow,
  kernelName: string,
  better: (params: Parameters<KernelFunc>[0], original: KernelFunc) => Tensor | undefined,
): void {
  const original = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...original,
    kernelFunc: (params) => better(params, original.kernelFunc) ?? original.kernelFunc(params),
  });
}

/**
 * The input of a convolution with padding "same" whose last window ends before the input does, as it is where
 * strides are larger than the window: there the backend places its windows wrongly. With this input it is to
 * pad nothing. Undefined where the backend is right.
 */
function paddedForGaps(
  tf: TensorFlow,
  x: Tensor4D,
  filter: Tensor4D,
  { pad, strides, dilations }: ConvolutionAttributes,
  isDepthwise: boolean,
): Tensor4D | undefined {
  if (pad !== "same") return undefined;
  const { computeConv2DInfo } = tf.backend_util;
  const info = computeConv2DInfo(x.shape, filter.shape, strides, dilations ?? 1, pad, undefined, isDepthwise);
  const lastRow = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight;
  const lastColumn = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth;
  if (lastRow >= info.inHeight && lastColumn >= info.inWidth) return undefined;
  const { top, bottom, left, right } = info.padInfo;
  return tf.pad(x, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
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

/**
 * Of a pool of maxima: what comes back to an output goes to the first of its window's values that is the
 * largest. The backend's own kernel adds it to whatever was in the memory before.
 */
function poolGradient(
  tf: TensorFlow,
  dy: Tensor4D,
  input: Tensor4D,
  output: Tensor4D,
  { filterSize, strides, pad, dimRoundingMode }: PoolAttributes,
): Tensor {
  const info = tf.backend_util.computePool2DInfo(input.shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { top, bottom, left, right } = info.padInfo;
  const [count, channels] = [info.batchSize, info.inChannels];
  const [rows, columns] = [info.inHeight + top + bottom, info.inWidth + left + right];
  // From the first to the last place of a value of the windows, which are strides apart.
  const [height, width] = [
    (info.outHeight - 1) * info.strideHeight + 1,
    (info.outWidth - 1) * info.strideWidth + 1,
  ];
  const apart = (values: Tensor): Tensor4D => {
    const lines = tf.pad(values.reshape([count * info.outHeight, 1, -1]), [
      [0, 0],
      [0, info.strideHeight - 1],
      [0, 0],
    ]);
    const points = tf.pad(lines.reshape([-1, 1, channels]), [
      [0, 0],
      [0, info.strideWidth - 1],
      [0, 0],
    ]);
    const all: Tensor4D = points.reshape([
      count,
      info.outHeight * info.strideHeight,
      info.outWidth * info.strideWidth,
      channels,
    ]);
    return tf.slice(all, [0, 0, 0, 0], [count, height, width, channels]);
  };
  return tf.tidy(() => {
    const padded = tf.pad(
      input,
      [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
      Number.NEGATIVE_INFINITY,
    );
    let waiting: Tensor = tf.onesLike(dy);
    let sum: Tensor4D = tf.zeros([count, rows, columns, channels]);
    for (let i = 0; i < info.filterHeight; i++) {
      for (let j = 0; j < info.filterWidth; j++) {
        const values = tf.stridedSlice(
          padded,
          [0, i, j, 0],
          [count, i + height, j + width, channels],
          [1, info.strideHeight, info.strideWidth, 1],
        );
        const isFirst = tf.mul(waiting, tf.cast(tf.equal(values, output), "float32"));
        waiting = tf.sub(waiting, isFirst);
        const back = tf.pad(apart(tf.mul(dy, isFirst)), [
          [0, 0],
          [i, rows - i - height],
          [j, columns - j - width],
          [0, 0],
        ]);
        sum = tf.add(sum, back);
      }
    }
    return tf.slice(sum, [0, top, left, 0], [count, info.inHeight, info.inWidth, channels]);
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
