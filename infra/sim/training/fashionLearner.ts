// The learner of scenarios that train: Fashion-MNIST in shards of classes, on TensorFlow. Loaded with the
// first such cell.
import { fileURLToPath } from "node:url";
import { once } from "../../../shared/cloud/once.ts";
import { decodeDataset } from "../../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../../shared/cloud/tensors/loadTrainer.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { loadFashionMnist } from "../../data/fashionMnist.ts";
import { dataFolder } from "../../data/fashionMnistFiles.ts";
import { encodeImages } from "../../data/images.ts";
import { shardParts } from "../../data/partition/shards.ts";
import type { Learner } from "../engine/learner.ts";
import { poisoned } from "../population/attacks.ts";
import type { Population } from "../population/population.ts";
import type { ScenarioTraining } from "../scenario/scenario.ts";
import { simulatedModel } from "./models.ts";
import { trainedLearner } from "./trainedLearner.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Read once for all cells of a thread: unpacking takes longer than a short cell. Nothing writes to them. */
const images = {
  train: once(() => loadFashionMnist(dataFolder(root), "train")),
  test: once(() => loadFashionMnist(dataFolder(root), "test")),
};

/** @param population its clients in the order of their shards; the run's seed decides who has which data. */
export async function fashionLearner(
  training: ScenarioTraining,
  { clientIds, attack: attackOf = () => null }: Pick<Population, "clientIds" | "attack">,
  spec: StoredRunSpec,
): Promise<Learner> {
  const { shardsPerClient, samplesPerClient, testSamples } = training;
  const model = simulatedModel(training.model);
  const [train, test, trainer] = await Promise.all([
    images.train(),
    images.test(),
    // The portable backend: the same bytes on every machine, and the faster one for small models.
    loadTrainer({ kind: "tensorflow", prefer: "portable" }),
  ]);
  const parts = shardParts(train.labels, { clients: clientIds.length, seed: spec.seed, shardsPerClient });
  const data = new Map<string, Dataset>();
  for (const [i, clientId] of clientIds.entries()) {
    const places = (parts[i] ?? []).slice(0, samplesPerClient);
    const own = decodeDataset(encodeImages(train, places));
    data.set(clientId, poisoned(own, attackOf(clientId), model.classes));
  }
  const tested = randomFrom("test samples").sample(
    [...test.labels.keys()],
    Math.min(testSamples, test.labels.length),
  );
  return trainedLearner({
    spec,
    trainer,
    attackOf,
    clientIds,
    topology: toLayersTopology(model),
    clientData: (clientId) => {
      const known = data.get(clientId);
      if (known === undefined) throw new Error(`${clientId} has no data.`);
      return known;
    },
    evaluationData: decodeDataset(encodeImages(test, tested)),
  });
}
