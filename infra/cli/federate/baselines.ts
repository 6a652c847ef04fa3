// What a federation is compared with: one model trained on the data of all, as if they lay in one place, and
// one for each client on its own data alone. The product's trainer trains them, as often as clients do in a
// run.

import { sourceFor } from "../../../shared/cloud/source.ts";
import { bringData } from "../../../shared/cloud/tensors/bringData.ts";
import { loadTrainer } from "../../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Dataset, Trainer } from "../../../shared/core/ports/trainer.ts";
import { evaluationOf } from "../../../shared/core/round/evaluation.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";
import type { RunSpec } from "../../../shared/core/schemas/spec.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import { dataAddress } from "../../data/dataAddress.ts";
import type { Federation } from "./federationFile.ts";

/** Scores on the test set, by metric. */
export type Scores = Readonly<Record<string, number>>;

export interface Baselines {
  readonly central: Scores;
  /** By client. */
  readonly local: Readonly<Record<string, Scores>>;
}

export interface BaselineData {
  readonly clients: ReadonlyMap<string, Dataset>;
  readonly test: Dataset;
}

/** Where training begins: the run's model and its version 0. */
export interface Start {
  readonly topology: LayersTopology;
  readonly weights: Weights;
}

/** Nothing of the federation lies in a bucket. */
const NO_TOKENS = { accessToken: async () => "", fetchIdToken: async () => "" };

/** The data of all clients and the test set, as the functions read them, in memory. */
export async function readBaselineData(
  { clients, test, features }: Federation,
  clientIds: readonly string[],
  spec: RunSpec,
): Promise<BaselineData> {
  const read = async (path: string, data: string | undefined, clientId?: string): Promise<Dataset> => {
    const brought = await bringData(
      {
        address: sourceFor(dataAddress(path), { clientId, data }),
        features: features && sourceFor(dataAddress(features), { clientId, data }),
      },
      { tokens: NO_TOKENS },
      { mayStream: false },
    );
    if ("batches" in brought) throw new FlError("internal", "A data set that must be in memory is a stream.");
    return brought;
  };
  const held = new Map<string, Dataset>();
  for (const clientId of clientIds) held.set(clientId, await read(clients, spec.data, clientId));
  return { clients: held, test: await read(test, evaluationOf(spec).data) };
}

/**
 * Trains and scores both for one seed. Each model goes `stop.rounds` times through `localEpochs` epochs, with
 * an optimizer that begins anew each time, from the same version 0 as the run.
 *
 * @param signal ends it between two such times, with an AbortError
 */
export async function baselines(
  spec: RunSpec,
  start: Start,
  { clients, test }: BaselineData,
  signal: AbortSignal,
): Promise<Baselines> {
  const trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  const scored = (name: string, data: Dataset) => trainAlone(trainer, spec, start, name, data, test, signal);
  const central = await scored("all", pooled([...clients.values()]));
  const local: Record<string, Scores> = {};
  for (const [clientId, data] of clients) local[clientId] = await scored(clientId, data);
  return { central, local };
}

async function trainAlone(
  trainer: Trainer,
  spec: RunSpec,
  start: Start,
  clientId: string,
  data: Dataset,
  test: Dataset,
  signal: AbortSignal,
): Promise<Scores> {
  const { training, stop, seed } = spec;
  const { topology } = start;
  let { weights } = start;
  for (let round = 1; round <= stop.rounds; round++) {
    signal.throwIfAborted();
    ({ weights } = await trainer.train({ topology, weights, data, training, seed, round, clientId }));
  }
  const { metrics: asked, batchSize } = evaluationOf(spec);
  const scored = { topology, weights, data: test, loss: training.loss, metrics: asked, batchSize };
  const { accuracy, loss, metrics } = await trainer.evaluate(scored);
  return { ...metrics, ...(accuracy === null ? {} : { accuracy }), loss };
}

/** All samples in one data set. @throws FlError("invalid-argument") where clients' samples differ in shape */
export function pooled(parts: readonly Dataset[]): Dataset {
  return { x: joined(parts.map(({ x }) => x)), y: joined(parts.map(({ y }) => y)) };
}

function joined(parts: readonly Dataset["x"][]): Dataset["x"] {
  const sample = parts[0]?.shape.slice(1) ?? [];
  const other = parts.find(({ shape }) => String(shape.slice(1)) !== String(sample));
  if (other !== undefined) {
    throw new FlError(
      "invalid-argument",
      `The clients' samples differ in shape, [${sample}] and [${other.shape.slice(1)}]: they cannot train one model.`,
    );
  }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.values.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.values.length;
  }
  return { shape: [parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0), ...sample], values };
}
