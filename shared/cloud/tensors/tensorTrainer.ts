// The trainer of the product: local training and evaluation on TensorFlow.js, native or portable.
import type { Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import { hooksOf } from "../../core/methods/training/trainingOf.ts";
import { metricSums, needOutputs } from "../../core/metrics/metricSums.ts";
import { refuseWrongGradients } from "../../core/models/portableLayers.ts";
import type {
  Dataset,
  EvaluateTask,
  Evaluation,
  Trainer,
  TrainResult,
  TrainTask,
} from "../../core/ports/trainer.ts";
import { randomFrom } from "../../core/random.ts";
import type { LayersTopology } from "../../core/schemas/model.ts";
import { type Batch, batchOf, fittedData } from "./batches.ts";
import {
  batchesInMemory,
  batchesInOrder,
  batchesOfStream,
  type EpochBatch,
  isStream,
} from "./epochBatches.ts";
import { graphCache } from "./graph/graphCache.ts";
import { scoringGraphs } from "./graph/scoringGraphs.ts";
import { asFlError } from "./layerErrors.ts";
import { type BuiltModel, buildModel } from "./layersModel.ts";
import type { Tensors } from "./loadTensors.ts";
import { checkFinite, trainLocally } from "./localTraining.ts";
import { labelsIn, lossNamed } from "./losses.ts";
import { buildTeachers } from "./teacherModels.ts";

/**
 * How many samples the loss before and after is measured on: enough to compare, few enough to cost little.
 */
const lossSamples = 128;

export function createTensorTrainer({ tf, backend, version }: Tensors): Trainer {
  const graphs = graphCache();
  const scoring = scoringGraphs(tf);
  /** Builds a model for the time of some work. Errors of TensorFlow.js come out as FlErrors. */
  const withModel = async <T>(
    topology: LayersTopology,
    work: (model: BuiltModel) => T | Promise<T>,
    maxParameters?: number,
  ): Promise<T> => {
    const model = await buildModel(tf, topology, maxParameters);
    try {
      return await work(model);
    } catch (error) {
      if (error instanceof FlError || !(error instanceof Error)) throw error;
      throw asFlError(error, backend);
    } finally {
      model.dispose();
    }
  };

  const score = async (
    model: BuiltModel,
    task: Pick<EvaluateTask, "topology" | "loss" | "metrics">,
    batches: AsyncIterable<EpochBatch>,
    penalty = 0,
  ): Promise<Evaluation> => {
    const loss = lossNamed(tf, task.loss);
    const asked = task.metrics ?? [];
    const sums = needOutputs(asked) ? metricSums(asked, task.loss) : null;
    const scored = {
      key: JSON.stringify([task.topology, task.loss, sums === null]),
      held: model.variables,
      run({ x, y }: Batch): readonly Tensor[] {
        const prediction = model.apply(x, { training: false });
        const { output } = prediction;
        const mean = loss.mean(y, prediction);
        const hits = loss.hits === null ? [] : [loss.hits(y, output)];
        return [mean, ...hits, ...(sums === null ? [] : [labelsIn(tf, y, output, task.loss), output])];
      },
    };
    let [lossSum, hitCount, labelCount, samples] = [0, 0, 0, 0];
    for await (const { data, places } of batches) {
      tf.tidy(() => {
        const made = [...scoring.score(batchOf(tf, data, places), scored)];
        lossSum += (made.shift()?.dataSync()[0] ?? Number.NaN) * places.length;
        const hits = loss.hits === null ? undefined : made.shift()?.dataSync();
        for (const hit of hits ?? []) hitCount += hit;
        labelCount += hits?.length ?? 0;
        const [labels, output] = made;
        if (labels === undefined || output === undefined) return;
        sums?.add({
          labels: labels.dataSync(),
          outputs: output.dataSync(),
          width: output.shape.at(-1) ?? 1,
        });
      });
      samples += places.length;
    }
    // Counted, not averaged: equal shares are equal numbers, however the samples fall into batches.
    const accuracy = loss.hits === null ? null : hitCount / labelCount;
    const mean = lossSum / samples;
    const perplexity = Math.exp(mean);
    const { metrics, details } = sums?.result() ?? { metrics: {}, details: null };
    const withPerplexity = asked.includes("perplexity") && Number.isFinite(perplexity);
    return {
      accuracy,
      loss: mean + penalty,
      metrics: withPerplexity ? { ...metrics, perplexity } : metrics,
      details,
      samples,
    };
  };

  /** What the model's regularizers add to its loss, whatever the samples. */
  const penaltyOf = (model: BuiltModel): number =>
    tf.tidy(() => model.penalties().reduce((sum, each) => sum + (tf.mean(each).dataSync()[0] ?? 0), 0));

  const train = (given: TrainTask): Promise<TrainResult> => {
    const startMs = performance.now();
    const { topology } = given;
    if (topology === undefined) {
      throw new FlError("invalid-argument", "TensorFlow.js trains layers, and the run has no topology.");
    }
    return withModel(topology, async (model) => {
      if (backend === "wasm") refuseWrongGradients(topology);
      const { loss } = given.training;
      const brought = (part: Dataset) => fittedData(part, model, loss);
      const { data, ...fitted } = brought(isStream(given.data) ? given.data.first : given.data);
      const [samples, batches] = isStream(given.data)
        ? [given.data.x.shape[0] ?? 0, batchesOfStream(given.data, (batch) => brought(batch).data)]
        : [fitted.samples, batchesInMemory(data, fitted.samples)];
      const task = { ...given, data, batches };
      model.setWeights(task.weights);
      const probe = () =>
        score(model, { topology, loss }, batchesInOrder(data, Math.min(samples, lossSamples), lossSamples));
      const builtMs = performance.now();
      const lossBefore = (await probe()).loss;
      checkFinite(lossBefore, "before the first step", task);
      const measuredMs = performance.now();
      const wanted = hooksOf(task.training).distils === undefined ? [] : (task.teachers ?? []);
      const teachers = await buildTeachers(
        tf,
        topology,
        wanted,
        lossNamed(tf, loss),
        data,
        Math.min(samples, lossSamples),
      );
      const done = await trainLocally(tf, model, task, samples, {
        graphs,
        teachers: teachers.models,
      }).finally(teachers.dispose);
      const { steps, partial, signals, state, beside, eagerReason } = done;
      const trainedMs = performance.now();
      const lossAfter = (await probe()).loss;
      checkFinite(lossAfter, "after the last step", task);
      return {
        weights: model.getWeights(),
        state,
        beside,
        steps,
        samples,
        lossBefore,
        lossAfter,
        partial,
        ...(signals === undefined ? {} : { signals }),
        ...(eagerReason === null ? {} : { eagerReason }),
        ...(teachers.leftOut === 0 ? {} : { teachersLeftOut: teachers.leftOut }),
        timings: {
          buildMs: builtMs - startMs,
          trainMs: trainedMs - measuredMs,
          lossMs: measuredMs - builtMs + (performance.now() - trainedMs),
        },
      };
    });
  };

  return {
    backend: `${backend} ${version}`,
    describe: (topology, maxParameters) => withModel(topology, (model) => model.shapes, maxParameters),
    train,
    evaluate: (task) =>
      withModel(task.topology, (model) => {
        const { batchSize, data: given } = task;
        const brought = (part: Dataset) => fittedData(part, model, task.loss);
        model.setWeights(task.weights);
        if (isStream(given)) {
          const intoShape = (batch: Dataset) => brought(batch).data;
          const batches = batchesOfStream(given, intoShape)(batchSize, randomFrom("evaluate"));
          return score(model, task, batches, penaltyOf(model));
        }
        const { data, samples } = brought(given);
        return score(model, task, batchesInOrder(data, samples, batchSize), penaltyOf(model));
      }),
  };
}
