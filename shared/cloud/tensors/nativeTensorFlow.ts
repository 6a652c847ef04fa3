// TensorFlow.js on the native library: what the package tfjs-node does when it is loaded, without what no
// function uses (its readers of files, callbacks and parts of the union package beside core and layers). A
// module of its own, so that a function's bundle can hold all of it: see infra/bundle/tensorFlow.ts.
import { createRequire } from "node:module";
import util from "node:util";
import type { TFJSBinding } from "@tensorflow/tfjs-node/dist/tfjs_binding.js";
import { FlError } from "../../core/errors.ts";
import { nativeBinding } from "./nativeFiles.ts";
import { registerNativeGradients } from "./nativeGradients.ts";
import type { TensorFlow } from "./tensorFlow.ts";

const NAME = "tensorflow";
/** Above that of any other backend, as in tfjs-node. */
const PRIORITY = 3;

/**
 * Loads the library and makes it the backend of TensorFlow.js.
 *
 * @param threads that it computes with, unless its own variables say so; default: one for each core
 *
 * @throws FlError("failed-precondition") where the package or its library is not installed; the dynamic
 *   linker's own error where the library does not load
 */
export async function startNativeTensorFlow(threads?: number): Promise<TensorFlow> {
  const found = nativeBinding(import.meta.url);
  if ("missing" in found) throw new FlError("failed-precondition", found.missing);
  // tfjs-node 4.22 calls two deprecated functions of Node: version 23 removed one and warns about the other.
  Object.assign(util, {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  });
  if (threads !== undefined) {
    // An instance may see more cores than it has time on; threads that wait for one another cost half again.
    process.env["TF_NUM_INTRAOP_THREADS"] ??= String(threads);
    process.env["TF_NUM_INTEROP_THREADS"] ??= String(threads);
  }
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "1"; // Warnings and worse, from TensorFlow's C++ side.
  const [{ default: tf }, { default: kernelBackend }] = await Promise.all([
    import("@tensorflow/tfjs"),
    import("@tensorflow/tfjs-node/dist/nodejs_kernel_backend.js"),
    import("@tensorflow/tfjs-node/dist/register_all_kernels.js"),
  ]);
  const binding = createRequire(import.meta.url)(found.path) as TFJSBinding;
  const { NodeJSKernelBackend } = kernelBackend;
  tf.registerBackend(NAME, () => new NodeJSKernelBackend(binding, "tfjs-node"), PRIORITY);
  if (!(await tf.setBackend(NAME))) {
    throw new FlError("failed-precondition", "The native backend of TensorFlow.js does not start.");
  }
  await tf.ready();
  registerNativeGradients(tf);
  return tf;
}
