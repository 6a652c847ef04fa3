// Loads TensorFlow.js on the best backend there is. Lazily: what is imported at the top of a function is its
// cold start.
import { fileURLToPath } from "node:url";
import { FlError } from "../../core/errors.ts";
import type { TensorFlow } from "./tensorFlow.ts";
import { registerWasmKernels } from "./wasmKernels.ts";

/** `tfjs-node`: the native TensorFlow library. `wasm`: portable, several times slower. */
export type Backend = "tfjs-node" | "wasm";

export interface Tensors {
  readonly tf: TensorFlow;
  readonly backend: Backend;
  /** Of the native TensorFlow library; for the portable backend, of TensorFlow.js. */
  readonly version: string;
  /** Why not the native backend where `auto` fell back, else "". */
  readonly fallbackReason: string;
}

export interface LoadTensorsOptions {
  /** `auto` (default): native where it loads, else portable. `native` and `portable` insist. */
  readonly prefer?: "native" | "portable" | "auto";
  /** That native TensorFlow computes with, unless its own variables say another number. Default: all cores. */
  readonly threads?: number;
}

let loading: { readonly prefer: string; readonly tensors: Promise<Tensors> } | undefined;

/**
 * Loads once a process: TensorFlow.js keeps one backend for all of it. Takes about a second the first time.
 *
 * @throws FlError("failed-precondition") when the backend insisted on does not load, or another one is
 *   loaded already
 */
export async function loadTensors({ prefer = "auto", threads }: LoadTensorsOptions = {}): Promise<Tensors> {
  loading ??= { prefer, tensors: load(prefer, threads) };
  const tensors = await loading.tensors;
  const wanted = { native: "tfjs-node", portable: "wasm", auto: tensors.backend }[prefer];
  if (tensors.backend !== wanted) {
    throw new FlError(
      "failed-precondition",
      `TensorFlow already runs on ${tensors.backend} in this process, so ${wanted} cannot be loaded.`,
    );
  }
  return tensors;
}

async function load(prefer: "native" | "portable" | "auto", threads: number | undefined): Promise<Tensors> {
  if (prefer === "portable") return loadPortable("");
  try {
    return await loadNative(threads);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    if (prefer === "auto") return loadPortable(reason);
    throw new FlError("failed-precondition", `Native TensorFlow does not load: ${reason}`, { cause });
  }
}

async function loadNative(threads: number | undefined): Promise<Tensors> {
  const { startNativeTensorFlow } = await import("./nativeTensorFlow.ts");
  const tf = await startNativeTensorFlow(threads);
  return { tf, backend: "tfjs-node", version: nativeVersion(tf), fallbackReason: "" };
}

function nativeVersion(tf: TensorFlow): string {
  const { binding } = tf.backend() as { binding?: { TF_Version?: string } };
  return binding?.TF_Version ?? tf.version["tfjs"];
}

async function loadPortable(fallbackReason: string): Promise<Tensors> {
  const [{ default: tf }, { default: wasm }] = await Promise.all([
    import("@tensorflow/tfjs"),
    import("@tensorflow/tfjs-backend-wasm"),
  ]);
  // A path, not an address: a folder's name may hold what an address encodes. It must end with the separator.
  wasm.setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
  registerWasmKernels(tf);
  if (!(await tf.setBackend("wasm"))) {
    throw new FlError("failed-precondition", "The WebAssembly backend of TensorFlow.js does not start here.");
  }
  await tf.ready();
  return { tf, backend: "wasm", version: tf.version["tfjs"], fallbackReason };
}
