// A step of training in the client's trainer, and of the same model in Keras where a peer is asked for.
import { median } from "simple-statistics";
import * as z from "zod";
import { kerasModel } from "../../../shared/core/models/kerasModel.ts";
import { measuredAlone } from "../alone.ts";
import type { Bench, Figure } from "../bench.ts";
import { askKeras, threadsEnv } from "../peer/kerasPeer.ts";
import { STEP_BATCH, STEP_LEARNING_RATE, stepModels } from "./stepModels.ts";

const STEPS = 200;
const REPEATS = 3;
/** As a client in the local cloud has, and in a region an instance of one vCPU. */
const THREADS = 1;
const AIM = 1.1;

const Alone = z.object({ stepMs: z.number(), firstMs: z.number(), backend: z.string() });

export const trainingStep: Bench = {
  name: "training-step",
  about: "a step of three models in the client's trainer; with --peer keras, beside train_on_batch",
  async run({ signal, show, peer }) {
    const figures: Figure[] = [];
    for (const [index, model] of stepModels.entries()) {
      const ours: z.infer<typeof Alone>[] = [];
      const theirs: number[] = [];
      for (let turn = 0; turn < REPEATS; turn++) {
        show(`${model.name}, ${turn + 1} of ${REPEATS}`);
        const env = { ...process.env, ...threadsEnv(THREADS) };
        const program = new URL("trainingStepAlone.ts", import.meta.url);
        ours.push(await measuredAlone(program, [String(index), String(STEPS)], Alone, { signal, env }));
        if (peer !== "keras") continue;
        const { stepMs } = await askKeras(
          {
            job: "steps",
            model: kerasModel(model.topology),
            inputShape: model.inputShape,
            classes: model.classes,
            tokens: model.tokens,
            batch: STEP_BATCH,
            learningRate: STEP_LEARNING_RATE,
            steps: STEPS,
          },
          signal,
          THREADS,
        );
        theirs.push(stepMs);
      }
      const stepMs = median(ours.map((one) => one.stepMs));
      const note = `${ours[0]?.backend ?? ""}, ${STEP_BATCH} samples a step, one thread`;
      figures.push({ name: model.name, value: stepMs, unit: "ms", note });
      figures.push({
        name: "  its first 20 steps",
        value: median(ours.map((one) => one.firstMs)),
        unit: "ms",
        note: "two of them recorded, and the graph made of them",
      });
      if (theirs.length === 0) continue;
      figures.push(
        { name: "  Keras, train_on_batch", value: median(theirs), unit: "ms", note: "the same, alternating" },
        { name: "  ours ÷ Keras", value: stepMs / median(theirs), unit: "x", aim: { most: AIM } },
      );
    }
    return figures;
  },
};
