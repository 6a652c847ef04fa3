// Training on native TensorFlow: the contracts, where it is installed.
import { describe } from "vitest";
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../shared/cloud/tensors/tensorTrainer.ts";
import { distillationContract } from "./distillationContract.ts";
import { localTrainingContract } from "./localTrainingContract.ts";
import { tensorsContract } from "./tensorsContract.ts";
import { trainerContract } from "./trainerContract.ts";
import { trainingHooksContract } from "./trainingHooksContract.ts";

const load = () => loadTensors({ prefer: "native" });
const missing = await load().then(
  () => "",
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);

describe.skipIf(missing !== "")(missing === "" ? "native TensorFlow" : `skipped: ${missing}`, () => {
  tensorsContract("native TensorFlow", load);
  localTrainingContract("training on native TensorFlow", load);
  trainingHooksContract("training hooks on native TensorFlow", load);
  distillationContract("learning from teachers on native TensorFlow", load);
  trainerContract("trainer on native TensorFlow", async () => createTensorTrainer(await load()));
});
