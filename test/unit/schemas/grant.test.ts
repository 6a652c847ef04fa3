// What a grant says of training: as the run's spec, in the words of release 0.1 where that knows them.
import { expect, it } from "vitest";
import * as z from "zod";
import { TrainingOptions } from "../../../shared/core/methods/training/options.ts";
import { Grant } from "../../../shared/core/schemas/protocol.ts";

const link = { url: "https://storage.example.org/x", headers: {}, expiresAt: 1_000 };
const grant: Grant = {
  attempt: 1,
  baseVersion: 0,
  training: TrainingOptions.parse({ proximalMu: 0.5 }),
  encoding: "f32",
  seed: 1,
  parameters: [{ name: "w", shape: [2] }],
  deadlineAt: 2_000,
  onDeadline: "finish-late",
  topology: link,
  model: link,
  update: link,
};

it("names FedProx by no method, which clients of 0.1 would refuse", () => {
  const sent = z.encode(Grant, grant);
  expect(sent.training).toEqual({
    localEpochs: 1,
    batchSize: 32,
    optimizer: { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999 },
    loss: "sparseCategoricalCrossentropy",
    proximalMu: 0.5,
  });
  expect(Grant.parse(JSON.parse(JSON.stringify(sent)))).toEqual(grant);
});

it("is refused with training that no method takes", () => {
  const sent = z.encode(Grant, grant);
  for (const change of [{ method: "guess" }, { localEpochs: 0 }, { batchSize: "32" }]) {
    const parsed = Grant.safeParse({ ...sent, training: { ...sent.training, ...change } });
    expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual(["training"]);
  }
});
