// The learner of scenarios that train: Fashion-MNIST in shards of classes, on TensorFlow. Loaded with the
// first such cell.
import { fileURLToPath } from "node:url";
import { decodeDataset } from "../../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../../shared/cloud/tensors/loadTrainer.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { loadFashionMnist } from "../../data/fashionMnist.ts";
import { dataFolder } from "../../data/fashionMnistFiles.ts";
import { encodeImages } from "../../data/images.ts";
import { shards } from "../../data/partition.ts";
import type { Learner } from "../engine/learner.ts";
import type { ScenarioTraining } from "../scenario/scenario.ts";
import { simulatedModel } from "./models.ts";
import { trainedLearner } from "./trainedLearner.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** @param clientIds in the order of their shards; who has which data depends on the run's seed. */
export async function fashionLearner(
  training: ScenarioTraining,
  clientIds: readonly string[],
  spec: StoredRunSpec,
): Promise<Learner> {
  const { shardsPerClient, samplesPerClient, testSamples, model } = training;
  const [train, test, trainer] = await Promise.all([
    loadFashionMnist(dataFolder(root), "train"),
    loadFashionMnist(dataFolder(root), "test"),
    // The portable backend: the same bytes on every machine, and the faster one for small models.
    loadTrainer({ kind: "tensorflow", prefer: "portable" }),
  ]);
  const parts = shards(train.labels, { clients: clientIds.length, seed: spec.seed, shardsPerClient });
  const data = new Map<string, Dataset>();
  for (const [i, clientId] of clientIds.entries()) {
    const places = (parts[i] ?? []).slice(0, samplesPerClient);
    data.set(clientId, decodeDataset(encodeImages(train, places)));
  }
  const tested = randomFrom("test samples").sample(
    [...test.labels.keys()],
    Math.min(testSamples, test.labels.length),
  );
  return trainedLearner({
    spec,
    trainer,
    topology: toLayersTopology(simulatedModel(model)),
    clientData: (clientId) => {
      const known = data.get(clientId);
      if (known === undefined) throw new Error(`${clientId} has no data.`);
      return known;
    },
    evaluationData: decodeDataset(encodeImages(test, tested)),
  });
}
