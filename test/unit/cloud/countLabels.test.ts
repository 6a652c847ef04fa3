// Counts of labels: of arrays and of streams, and none where targets are no class numbers or too many.
import { expect, it } from "vitest";
import { countLabels } from "../../../shared/cloud/tensors/countLabels.ts";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";

const labelled = (...labels: number[]): Dataset => ({
  x: { shape: [labels.length, 1], values: new Float32Array(labels.length) },
  y: { shape: [labels.length], values: Float32Array.from(labels) },
});
const count = (data: Dataset | DataStream, most = 10) => countLabels(data, most, randomFrom(1));

it("counts the samples of each class, those of none in between too", async () => {
  expect(await count(labelled(2, 0, 2, 2))).toEqual([1, 0, 3]);
  expect(await count(labelled(0))).toEqual([1]);
});

it("counts each batch of a stream once", async () => {
  const stream: DataStream = {
    x: { shape: [5, 1] },
    y: { shape: [5] },
    first: labelled(1, 1),
    batches: async function* () {
      yield labelled(1, 1, 3);
      yield labelled(0, 3);
    },
  };
  expect(await count(stream)).toEqual([1, 2, 0, 2]);
});

it.each([[[0.5]], [[-1]], [[Number.NaN]], [[0, 10]]])("tells nothing of the targets %j", async (targets) => {
  expect(await count(labelled(...targets))).toBeUndefined();
});

it("tells nothing of more labels than the owner allows", async () => {
  expect(await count(labelled(0, 1), 2)).toEqual([1, 1]);
  expect(await count(labelled(0, 2), 2)).toBeUndefined();
});
