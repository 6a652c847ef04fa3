// Every aggregation and every encoding in the deployed aggregator: two rounds of a federation end in the very
// bytes that the fold makes in memory, which the simulator runs.
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { encodingOf } from "../../shared/core/methods/update/encodingOf.ts";
import { encodingNames } from "../../shared/core/methods/update/encodings.ts";
import type { TransformOptions } from "../../shared/core/methods/update/transformOptions.ts";
import { encodeUpdate } from "../../shared/core/methods/update/update.ts";
import { decodeDelta } from "../../shared/core/methods/update/updateMethod.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { modelObject, stateObject } from "../../shared/core/round/objects.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, type Weights, weightsOf } from "../../shared/core/updates/weights.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { fold } from "../support/folding.ts";
import { plainAggregations } from "../support/plainAggregations.ts";
import { claim, eventually, put, registerClients, report } from "../support/scriptedClient.ts";

const CLIENTS = ["a", "b", "c", "d", "e"] as const;
const ROUNDS = [1, 2] as const;
/** Of every client, however many samples it has. */
const STEPS = 100;

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => createTestTrainer(),
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  await registerClients(cloud, CLIENTS);
});

afterAll(() => cloud.stop());

/** One of the clients lies far from the others. */
function deltaOf(model: ModelShape, round: number, index: number): Weights {
  const random = randomFrom(round, index);
  const size = index === 3 ? 50 : 1;
  return model.map(({ name, shape }) => ({
    name,
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => size * random.normal()),
  }));
}

async function play(
  aggregation: object,
  encoding: (typeof encodingNames)[number],
  transforms: readonly TransformOptions[],
) {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "fold",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: CLIENTS.length },
    aggregation,
    encoding,
    ...(transforms.length === 0 ? {} : { transforms }),
    round: { minUpdates: CLIENTS.length },
    stop: { rounds: ROUNDS.length },
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  const runIs = (what: string, is: (run: Run) => boolean) =>
    eventually(`the run being ${what}`, async () => {
      const run = await cloud.store.get(refs.run(runId));
      return run !== null && is(run) ? run : null;
    });
  await runIs("ready", ({ status }) => status === "ready");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  for (const round of ROUNDS) {
    await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
    for (const [index, clientId] of CLIENTS.entries()) {
      const place = { runId, round, clientId };
      const grant = Grant.parse((await claim(cloud, place)).body);
      expect(grant.encoding).toBe(encoding);
      expect(grant.transforms ?? []).toEqual(transforms);
      const { baseVersion, parameters: model } = grant;
      const random = randomFrom(round, index);
      const file = encodeUpdate(deltaOf(model, round, index), { encoding, baseVersion, model, random });
      expect(await put(grant, file)).toBe(200);
      const trained = { file, samples: 10 * (index + 1), steps: STEPS };
      expect((await report(cloud, place, grant.attempt, trained)).body.status).toBe("reported");
    }
  }
  return runIs("completed", ({ status }) => status === "completed");
}

const halved = [{ transform: "server-rate", rate: 0.5 }] as const;
const cases = [
  ...plainAggregations.map((name) => [name, "f32", []] as const),
  ...encodingNames.map((encoding) => ["fedavg", encoding, []] as const),
  ...["fedavg", "median", "fedadam"].map((name) => [name, "f32", halved] as const),
];

it.each(cases)("%s of %s, with the transforms %j", async (strategy, encoding, transforms) => {
  const run = await play({ strategy }, encoding, transforms);
  const model = run.model?.parameters ?? [];
  const read = async (name: string, shape: ModelShape = model) =>
    weightsOf(decodeSafetensors(await cloud.objects.read(name)).tensors, shape);
  let [weights, state]: [Weights, Weights | null] = [await read(modelObject(run.runId, 0)), null];
  for (const round of ROUNDS) {
    const updates = CLIENTS.map((_, index) => {
      const tensors = encodingOf(encoding).encode(
        deltaOf(model, round, index),
        model,
        randomFrom(round, index),
      );
      const delta = decodeDelta(encodingOf(encoding), tensors, model);
      return { delta, samples: 10 * (index + 1), steps: STEPS };
    });
    const made = await fold({
      aggregation: { strategy, maxSamplesRatio: 10 },
      transforms,
      model,
      base: weights,
      updates,
      state,
    });
    ({ weights, state } = made);
    expect(await read(modelObject(run.runId, round)), `version ${round}`).toEqual(weights);
    const kept = await cloud.objects.stat(stateObject(run.runId, round));
    expect(kept === null).toBe(state === null);
    if (state !== null) expect(await read(stateObject(run.runId, round), state)).toEqual(state);
    const consumed = (await cloud.store.get(refs.round(run.runId, round)))?.consumed ?? [];
    expect(consumed.map(({ weight }) => weight)).toEqual(made.consumed.map(({ weight }) => weight));
  }
});
