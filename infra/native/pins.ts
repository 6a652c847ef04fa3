// What native TensorFlow is made of beside npm's packages, each by the hash of its bytes: nothing else is
// ever run.

/** A file by its content: it is taken only with these bytes, from any server. */
export interface PinnedFile {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export const TENSORFLOW_VERSION = "2.21.0";

/**
 * The wheel whose library is used, as PyPI lists it; any CPython's holds the same library. Made for glibc
 * 2.27 and newer: the stacks of Cloud Run functions (Ubuntu 22.04 and 24.04) have 2.35 and 2.39. The path is
 * the BLAKE2b-256 of the bytes.
 */
export const tensorflowWheel: PinnedFile = {
  name: "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
  url: "https://files.pythonhosted.org/packages/59/03/9a99555a762de8cd4a405efbd39a732d926d8e58791441889560b7675b3e/tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
  sizeBytes: 273_829_956,
  sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
};

/**
 * Node's own C headers as a package, for a Node that comes without them. The path is within an npm registry.
 */
export const nodeApiHeaders: PinnedFile = {
  name: "node-api-headers-1.9.0.tgz",
  url: "node-api-headers/-/node-api-headers-1.9.0.tgz",
  sizeBytes: 16_974,
  sha256: "6cbfac49542194ae2c8f1dee5fa2dc00d66bec9cbf3b59e3a4e5f16d14eb0d19",
};
