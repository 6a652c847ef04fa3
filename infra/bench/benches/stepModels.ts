// The models of which a step is measured: what the demo trains, a dense one with state and draws, and a
// recurrent one.

import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";

export interface StepModel {
  readonly name: string;
  readonly topology: LayersTopology;
  /** Without the batch. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  /** Inputs are whole numbers below this; null: numbers from 0 to 1. */
  readonly tokens: number | null;
}

export const STEP_BATCH = 32;
export const STEP_LEARNING_RATE = 0.001;

const MLP_INPUT = [64] as const;
const TEXT_INPUT = [40] as const;
const WORDS = 2_000;

export const stepModels: readonly StepModel[] = [
  {
    name: "mnist-cnn",
    topology: toLayersTopology(modelSpec("mnist-cnn")),
    inputShape: [28, 28, 1],
    classes: 10,
    tokens: null,
  },
  {
    name: "MLP, BatchNorm, Dropout",
    topology: shortTopology(MLP_INPUT, [
      { type: "Dense", units: 256 },
      { type: "BatchNormalization" },
      { type: "Activation", activation: "relu" },
      { type: "Dropout", rate: 0.3 },
      { type: "Dense", units: 128, activation: "relu" },
      { type: "Dense", units: 5, activation: "softmax" },
    ]),
    inputShape: MLP_INPUT,
    classes: 5,
    tokens: null,
  },
  {
    name: "Embedding, LSTM",
    topology: shortTopology(TEXT_INPUT, [
      { type: "Embedding", input_dim: WORDS, output_dim: 32 },
      { type: "LSTM", units: 64 },
      { type: "Dense", units: 5, activation: "softmax" },
    ]),
    inputShape: TEXT_INPUT,
    classes: 5,
    tokens: WORDS,
  },
];
