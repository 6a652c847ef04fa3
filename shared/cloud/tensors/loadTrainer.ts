// Loads the trainer that the environment names: the one choice between TensorFlow and the trainer of tests.
import type { Trainer } from "../../core/ports/trainer.ts";

export interface LoadTrainerOptions {
  /** `test` trains without TensorFlow, deterministically: see testTrainer.ts. */
  readonly kind: "tensorflow" | "test";
  readonly prefer: "auto" | "native" | "portable";
}

/** @throws FlError("failed-precondition") when the TensorFlow backend insisted on does not load */
export async function loadTrainer({ kind, prefer }: LoadTrainerOptions): Promise<Trainer> {
  if (kind === "test") {
    const { createTestTrainer } = await import("./testTrainer.ts");
    return createTestTrainer();
  }
  const [{ loadTensors }, { createTensorTrainer }] = await Promise.all([
    import("./loadTensors.ts"),
    import("./tensorTrainer.ts"),
  ]);
  return createTensorTrainer(await loadTensors({ prefer }));
}
