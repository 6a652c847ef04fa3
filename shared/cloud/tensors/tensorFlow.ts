// The TensorFlow.js API as a type, whichever backend does the arithmetic: the library itself is loaded by
// loadTensors.ts.

export type TensorFlow = typeof import("@tensorflow/tfjs");
