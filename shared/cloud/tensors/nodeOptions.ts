// How Node is started in a function that computes: what its heap may take beside native TensorFlow, which is
// outside of it. Set where functions are deployed (terraform/modules/function) and where the local cloud
// starts them.

/** From here on V8's own bounds, which follow from the memory, leave enough to the rest. */
const LARGE_MIB = 1_024;

/**
 * The variable NODE_OPTIONS of a function with TensorFlow and so much memory; undefined where it needs none.
 * V8 itself would let garbage take half of the memory, and native TensorFlow alone takes most of 512 MiB.
 */
export function nodeOptions(memoryMib: number): string | undefined {
  return memoryMib < LARGE_MIB ? "--max-old-space-size=96 --max-semi-space-size=4" : undefined;
}
