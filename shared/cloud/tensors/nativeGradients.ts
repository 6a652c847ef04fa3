// Gradients of activations that the native library has one kernel for: TensorFlow.js makes each of a chain of
// operations, every one of which reads and writes a tensor as large as the layer's output.
import type { NamedTensorMap, Tensor } from "@tensorflow/tfjs";
import type { NativeBackend, OpAttribute } from "./graph/nativeBackend.ts";
import type { TensorFlow } from "./tensorFlow.ts";

type GradFunc = ReturnType<TensorFlow["getGradient"]>["gradFunc"];
type Attributes = Parameters<GradFunc>[2];

interface NativeGradient {
  /** The activation's kernel in TensorFlow.js. */
  readonly kernel: string;
  /** The operation of TensorFlow that computes its gradient. */
  readonly gradient: string;
  /** What the operation takes, in its order; of the activation itself, what TensorFlow.js saves for gradients. */
  readonly takes: readonly ["dy" | "saved", "dy" | "saved"];
  /** Those of its attributes that are numbers. */
  numbers?(attributes: Attributes): Readonly<Record<string, number>>;
}

const NATIVE: readonly NativeGradient[] = [
  { kernel: "Relu", gradient: "ReluGrad", takes: ["dy", "saved"] },
  { kernel: "Relu6", gradient: "Relu6Grad", takes: ["dy", "saved"] },
  {
    kernel: "LeakyRelu",
    gradient: "LeakyReluGrad",
    takes: ["dy", "saved"],
    numbers: (attributes) => ({ alpha: Number((attributes as { alpha?: unknown })["alpha"]) }),
  },
  { kernel: "Sigmoid", gradient: "SigmoidGrad", takes: ["saved", "dy"] },
  { kernel: "Tanh", gradient: "TanhGrad", takes: ["saved", "dy"] },
];

/**
 * Call once, when the native backend has started. Gradients of gradients of these activations are not
 * available after it. They are Keras': that of ReLU is 0 where its input is not a number (the loss is not a
 * number then, which ends a training), and that of ReLU6 is 0 at 6.
 */
export function registerNativeGradients(tf: TensorFlow): void {
  for (const { kernel, gradient, takes, numbers } of NATIVE) {
    const name = `Native${gradient}`;
    tf.registerKernel({
      kernelName: name,
      backendName: tf.getBackend(),
      kernelFunc: ({ inputs, attrs, backend }) => {
        const native = backend as NativeBackend & { getDTypeInteger(dtype: string): number };
        const { binding } = native;
        const attributes: OpAttribute[] = [
          { name: "T", type: binding.TF_ATTR_TYPE, value: native.getDTypeInteger("float32") },
          ...Object.entries(attrs ?? {}).map(([attribute, value]) => ({
            name: attribute,
            type: binding.TF_ATTR_FLOAT,
            value,
          })),
        ];
        const named = inputs as Readonly<Record<"dy" | "saved", Tensor>>;
        return native.executeSingleOutput(
          gradient,
          attributes,
          takes.map((input) => named[input]),
        ) as Tensor;
      },
    });
    const given = tf.getGradient(kernel);
    tf.unregisterGradient(kernel);
    tf.registerGradient({
      ...given,
      gradFunc: (dy, [saved], attributes) => ({
        x: () => tf.engine().runKernel(name, { dy, saved } as NamedTensorMap, numbers?.(attributes) ?? {}),
      }),
    });
  }
}
