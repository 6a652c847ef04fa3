// Layers, options and losses on native TensorFlow, against Keras; where it is installed.
import { describe } from "vitest";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { intakeContract } from "./intakeContract.ts";
import { kerasContract, writtenContract } from "./kerasContract.ts";
import { kerasScoresContract } from "./kerasScoresContract.ts";
import { kerasTrainingContract } from "./kerasTrainingContract.ts";

const load = () => loadTensors({ prefer: "native" });
const missing = await load().then(
  () => "",
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);

describe.skipIf(missing !== "")(missing === "" ? "native TensorFlow" : `skipped: ${missing}`, () => {
  kerasContract(load, []);
  writtenContract(load);
  intakeContract(load);
  kerasTrainingContract(load);
  kerasScoresContract(load);
});
