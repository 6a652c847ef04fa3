// A session of TensorFlow that holds the variables of a recorded step and runs it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import type { Tensor } from "@tensorflow/tfjs";
import type { NativeBackend, TensorInfo } from "./nativeBackend.ts";
import type { Recording } from "./recordStep.ts";
import { savedModelBytes, TAG } from "./savedModel.ts";
import { nodeNames, outputCount, type StepParts, stepGraph } from "./stepGraph.ts";

export interface GraphSession {
  /** Shapes of what is drawn for each step. */
  readonly draws: readonly (readonly number[])[];
  /** Sets all variables; tensors in the order of state and held. */
  assign(values: readonly TensorInfo[]): void;
  /** Runs a step; tensors in the order of what is fed and drawn. What is asked for of it: new tensors. */
  step(fed: readonly TensorInfo[], drawn: readonly TensorInfo[]): readonly Tensor[];
  /** What the state is now, in its order: new tensors. */
  read(): readonly Tensor[];
  dispose(): void;
}

/**
 * Loads a graph of the recording. It goes through a folder in the temporary folder, which is removed at once.
 *
 * @throws Error of TensorFlow where it does not take the graph
 */
export function graphSession(backend: NativeBackend, recording: Recording, parts: StepParts): GraphSession {
  const { binding } = backend;
  const folder = mkdtempSync(join(tmpdir(), "fedstratus-graph-"));
  let id: number;
  try {
    writeFileSync(join(folder, "saved_model.pb"), savedModelBytes(stepGraph(recording, parts), binding));
    id = binding.loadSavedModel(folder + sep, TAG);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const run = (inputs: readonly string[], values: readonly TensorInfo[], outputs: readonly string[]) =>
    binding
      .runSavedModel(id, backend.getInputTensorIds(values), inputs.join(","), outputs.join(","))
      .map((metadata) => backend.createOutputTensor(metadata));
  const initial = [...parts.state, ...parts.held].map(({ name }) => nodeNames.initial(name));
  const fedNames = [
    ...parts.fed.map(({ name }) => name),
    ...recording.draws.map((_, i) => nodeNames.draw(i)),
  ];
  const outputs = Array.from({ length: outputCount(recording, parts) }, (_, i) => nodeNames.output(i));
  const values = parts.state.map(({ name }) => nodeNames.value(name));
  return {
    draws: recording.draws,
    assign(tensors) {
      for (const made of run(initial, tensors, [nodeNames.assigned])) made.dispose();
    },
    step: (fed, drawn) => run(fedNames, [...fed, ...drawn], outputs),
    read: () => run([], [], values),
    dispose: () => binding.deleteSavedModel(id),
  };
}
