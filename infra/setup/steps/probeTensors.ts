// Loads one TensorFlow backend and checks a convolution's gradient with it. Run by set-up, in a process of
// its own; the last line of its output is the backend and version as JSON, or the reason why not.
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import { loadTensors } from "../../../shared/cloud/tensors/loadTensors.ts";

const prefer = process.argv[2] === "portable" ? "portable" : "native";

try {
  const { tf, backend, version } = await loadTensors({ prefer });
  const image: Tensor4D = tf.ones([1, 4, 4, 1]);
  const kernel: Tensor4D = tf.ones([3, 3, 1, 1]);
  const sum = (filter: Tensor) => tf.conv2d(image, filter as Tensor4D, 1, "valid").sum();
  const gradient = [...tf.grad(sum)(kernel).dataSync()];
  // Each of the nine weights meets the four positions of the kernel on an image of ones.
  if (gradient.length !== 9 || gradient.some((value) => value !== 4)) {
    throw new Error(`the gradient of a convolution is wrong: ${gradient.join(" ")}`);
  }
  console.log(JSON.stringify({ backend, version }));
} catch (error) {
  console.log(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
  process.exitCode = 1;
}
