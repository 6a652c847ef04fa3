// Scores of real models on the test sets that their runs name: several runs in one deployment, each with its
// own model, data and metrics; and what cannot be scored is known before the first round.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../functions/evaluator/deps.ts";
import { EvaluatorEnv } from "../../functions/evaluator/env.ts";
import { readEnv } from "../../shared/cloud/env.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const CLIENT = "clinic-a";

const guide = readFileSync(new URL("../../docs/evaluation.md", import.meta.url), "utf8");
const documented = {
  path: /<!-- evaluation-score -->\n```sh\nfed "\$API_URL([^"]+)"/.exec(guide)?.[1] ?? "",
  spec: /<!-- evaluation-spec -->\n```json\n([^`]+)```/.exec(guide)?.[1] ?? "",
};

let folder: string;
let cloud: TestCloud;

/** A test set of single numbers. */
function put(name: string, x: readonly number[], y: readonly number[]): void {
  const tensors = [
    floatTensor("x", [x.length, 1], Float32Array.from(x)),
    floatTensor("y", [y.length], Float32Array.from(y)),
  ];
  writeFileSync(join(folder, `${name}.safetensors`), encodeSafetensors(tensors));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus scores-"));
  put("numbers", [0, 1, 2, 3], [1, 0, 4, 3]);
  put("classes", [-2, -1, 1, 2, 3], [0, 1, 1, 1, 0]);
  put("of-three", [1, 2], [0, 2]);
  // Beyond the first samples that are tried.
  put(
    "one-of-three",
    Array.from({ length: 60 }, (_, i) => i),
    Array.from({ length: 60 }, (_, i) => (i === 45 ? 2 : i % 2)),
  );
  const { evaluationData } = connect(
    readEnv(EvaluatorEnv, {
      ...completeEnvironment,
      EVALUATION_DATA: `${pathToFileURL(folder).href}/{data}.safetensors`,
    }),
    0,
  );
  const trainer = await loadTrainer({ kind: "tensorflow", prefer: "portable" });
  cloud = await startTestCloud({ trainer: async () => trainer, evaluationData });
  await registerClients(cloud, [CLIENT]);
});

afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

/** One layer, whose weights begin as zeros: what a client adds to them is what they are. */
const dense = (units: number, activation: string) => ({
  layers: {
    class_name: "Sequential",
    config: {
      layers: [
        {
          class_name: "Dense",
          config: {
            name: "d",
            units,
            activation,
            kernel_initializer: { class_name: "Zeros", config: {} },
            batch_input_shape: [null, 1],
          },
        },
      ],
    },
  },
});

const numbers = { model: dense(1, "linear"), training: { loss: "meanSquaredError" } };
const classes = { model: dense(1, "sigmoid"), training: { loss: "binaryCrossentropy" } };

async function create(spec: object): Promise<{ status: number; runId: string; body: unknown }> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "scores",
    selection: { strategy: "random", cohortSize: 1 },
    stop: { rounds: 1 },
    ...spec,
  });
  return { status, runId: body.runId, body };
}

async function runIs(runId: string, status: Run["status"]): Promise<Run> {
  return eventually(`the run being ${status}`, async () => {
    const run = await cloud.store.get(refs.run(runId));
    return run?.status === status ? run : null;
  });
}

/** The run once it has ended, after rounds in each of which every weight grows by 1. */
async function played(spec: object, rounds = 1): Promise<Run> {
  const { status, runId, body } = await create({ stop: { rounds }, ...spec });
  expect(status, JSON.stringify(body)).toBe(201);
  await runIs(runId, "ready");
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  for (let round = 1; round <= rounds; round++) {
    await eventually("the round", () => cloud.store.get(refs.round(runId, round)));
    await contribute(cloud, { runId, round, clientId: CLIENT }, { value: 1, samples: 1 });
  }
  return runIs(runId, "completed");
}

describe("two runs with different models and test sets in one deployment", () => {
  test("numbers: predictions x + 1, and no accuracy", async () => {
    const evaluation = { data: "numbers", metrics: ["mae", "RMSE", "r2"] };
    const run = await played({ ...numbers, evaluation });
    // Errors 0, 2, -1 and 1 of targets whose squared distances from their mean sum to 10.
    expect(run).toMatchObject({ accuracy: null, loss: 1.5, evaluatedVersion: 1 });
    expect(run.metrics).toEqual({
      loss: 1.5,
      meanAbsoluteError: 1,
      rootMeanSquaredError: Math.sqrt(1.5),
      r2: expect.closeTo(0.4, 6),
    });
    expect(run.best).toMatchObject({ version: 1, metrics: run.metrics });
    const answer = await cloud.call("GET", `/v1/runs/${run.runId}/models/best/score`);
    expect(answer).toMatchObject({ status: 404, body: { error: { message: /no scores by class/ } } });
  });

  test("yes or no: sigmoid(x + 1), with scores by class behind a link", async () => {
    const evaluation = { data: "classes", metrics: ["precision", "recall", "f1", "auc"], batchSize: 2 };
    const run = await played({
      ...classes,
      evaluation,
      stop: { rounds: 1, target: { metric: "f1", value: 2 / 3 } },
    });
    // Says yes for 1, 2 and 3 (at -1 the output is exactly 0.5): two of three are right, one yes is missed.
    expect(run.metrics).toMatchObject({
      accuracy: 0.6,
      precision: 2 / 3,
      recall: 2 / 3,
      f1: 2 / 3,
      auc: expect.closeTo(0.5, 6),
    });
    expect(run.statusReason).toBe("all 1 rounds are done");
    const { body } = await cloud.call("GET", documented.path.replace("$RUN", run.runId));
    const details = await (await fetch(body.details.url)).json();
    expect(details).toEqual({
      version: 1,
      classes: [{ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3, auc: expect.closeTo(0.5, 6), support: 3 }],
      confusion: null,
    });
    const round = await cloud.store.get(refs.round(run.runId, 1));
    expect(round?.metrics).toEqual(run.metrics);
  });
});

describe("what is scored", () => {
  test("ends the run as soon as the target is reached", async () => {
    const target = { metric: "meanAbsoluteError", value: 1 };
    const run = await played({ ...numbers, data: "numbers", stop: { rounds: 5, target } }, 1);
    expect(run.statusReason).toBe("meanAbsoluteError 1.000 reached the target 1 in round 1");
  });

  test("every second version, and the last; a reason stands on the others", async () => {
    const run = await played({ ...numbers, evaluation: { data: "numbers", every: 2 } }, 3);
    const rounds = await Promise.all([1, 2, 3].map((round) => cloud.store.get(refs.round(run.runId, round))));
    expect(rounds.map((round) => [round?.loss !== null, round?.unscoredReason])).toEqual([
      [false, "Not scored: evaluation.every is 2."],
      [true, null],
      [true, null],
    ]);
    expect(run).toMatchObject({ evaluatedVersion: 3, best: { version: 2 } });
  });

  test("nothing where the run wants no central evaluation", async () => {
    const run = await played({ ...numbers, evaluation: { central: false } });
    expect(run).toMatchObject({ modelVersion: 1, evaluatedVersion: null, best: null });
    expect(run.unscoredReason).toMatch(/evaluation\.central is false/);
  });
});

describe("an evaluation that is asked for", () => {
  const path = (run: Run, version: string | number) => `/v1/runs/${run.runId}/models/${version}`;

  async function evaluated(run: Run, version: string | number, wish: object = {}) {
    const asked = await cloud.call("POST", `${path(run, version)}/evaluate`, wish);
    expect(asked.status, JSON.stringify(asked.body)).toBe(202);
    expect(asked.body).toMatchObject({ status: "asked", endedAt: null });
    return eventually("the score", async () => {
      const { body } = await cloud.call("GET", `${path(run, asked.body.version)}/evaluation`);
      return body.evaluation.number === asked.body.number && body.evaluation.endedAt !== null ? body : null;
    });
  }

  test("scores versions that the run passed over, and leaves the run as it is", async () => {
    const run = await played({ ...numbers, evaluation: { data: "numbers", every: 2 } }, 3);
    const before = await eventually("the sweep", async () => {
      const current = await cloud.store.get(refs.run(run.runId));
      return current?.swept === true ? current : null;
    });
    // Predictions 0, for targets 1, 0, 4 and 3; and x + 1.
    expect((await evaluated(run, 0)).evaluation).toMatchObject({
      status: "scored",
      loss: 6.5,
      accuracy: null,
    });
    const { evaluation, details } = await evaluated(run, 1, { metrics: ["meanAbsoluteError"] });
    expect(evaluation).toMatchObject({
      number: 1,
      status: "scored",
      metrics: { loss: 1.5, meanAbsoluteError: 1 },
      data: "numbers",
      askedBy: expect.stringContaining("operator@"),
    });
    expect(evaluation.costUsd).toBeGreaterThan(0);
    expect(details).toBeNull();
    const again = await evaluated(run, 1);
    expect(again.evaluation).toMatchObject({ number: 2, loss: 1.5, metricNames: [] });
    expect(await cloud.store.get(refs.run(run.runId))).toEqual(before);
    const { body } = await cloud.call("GET", `/v1/runs/${run.runId}/evaluations`);
    expect(
      body.items.map(({ version, number }: Run & { version: number; number: number }) => [version, number]),
    ).toEqual([
      [0, 1],
      [1, 2],
    ]);
    const { items } = (await cloud.call("GET", `/v1/runs/${run.runId}/actions?limit=1`)).body;
    expect(items).toMatchObject([{ action: "evaluate-model", version: 1 }]);
  });

  test("on another test set, with scores by class; what does not fit it fails with the reason", async () => {
    const run = await played({ ...classes, evaluation: { central: false } });
    const { evaluation, details } = await evaluated(run, "latest", { data: "classes", metrics: ["f1"] });
    expect(evaluation).toMatchObject({ status: "scored", metrics: { f1: 2 / 3, accuracy: 0.6 } });
    const file = await (await fetch(details.url)).json();
    expect(file).toMatchObject({ version: 1, classes: [{ f1: 2 / 3 }] });
    const other = await evaluated(run, 1, { data: "of-three" });
    expect(other.evaluation).toMatchObject({ number: 2, status: "failed", hasDetails: false });
    expect(other.evaluation.reason).toMatch(/numbers from 0 to 1/);
    expect((await evaluated(run, 1, { data: "nowhere" })).evaluation.reason).toMatch(/nowhere\.safetensors/);
  });

  test("repeated with its key is the same one, whatever latest means by then", async () => {
    const run = await played({ ...numbers, evaluation: { data: "numbers" } });
    const key = { "idempotency-key": "once" };
    const ask = () => cloud.call("POST", `${path(run, "latest")}/evaluate`, {}, key);
    const [first, again] = [await ask(), await ask()];
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toMatchObject({ version: 1, number: 1, askedAt: first.body.askedAt });
    const other = await cloud.call("POST", `${path(run, "latest")}/evaluate`, { data: "classes" }, key);
    expect(other.status).toBe(409);
  });

  test("is refused where there is nothing to score", async () => {
    const run = await played({ ...numbers, evaluation: { data: "numbers" } });
    const ask = async (version: string | number, wish: object = {}, of = run) => {
      const { status, body } = await cloud.call("POST", `${path(of, version)}/evaluate`, wish);
      return [status, body.error.message];
    };
    expect(await ask(2)).toEqual([404, expect.stringContaining("has no model version 2: its latest is 1")]);
    expect(await ask(1, { metrics: ["f1", "f2"] })).toEqual([400, expect.stringContaining("metrics.1")]);
    expect(await ask(1, { metrics: ["f1"] })).toEqual([400, expect.stringContaining("there is no f1")]);
    expect(await ask(1, { data: "../x" })).toEqual([400, expect.stringContaining("data")]);
    const without = await played({ ...numbers, evaluation: { central: false } });
    expect(await ask(1, {}, without)).toEqual([409, expect.stringContaining("Name a test set")]);
    const { runId } = await create({ ...numbers, data: "nowhere", stop: { targetLoss: 1 } });
    const failed = await runIs(runId, "failed");
    expect(await ask("latest", {}, failed)).toEqual([404, expect.stringContaining("its status is failed")]);
    await cloud.objects.remove(modelObject(run.runId, 0), { step: "remove-update" });
    expect(await ask(0)).toEqual([404, expect.stringContaining("The file of version 0")]);
    const none = await cloud.call("GET", `${path(run, 1)}/evaluation`);
    expect([none.status, none.body.error.message]).toEqual([
      404,
      expect.stringContaining("no evaluation of version 1"),
    ]);
  });
});

test("the guide's spec is one that is accepted", async () => {
  expect(await create(JSON.parse(documented.spec))).toMatchObject({ status: 201 });
});

describe("before the first round", () => {
  test.each([
    [
      { ...classes, evaluation: { data: "nowhere" } },
      /evaluation\.data needs a test set .*nowhere\.safetensors/,
    ],
    [
      { ...classes, evaluation: { data: "of-three", metrics: ["f1"] } },
      /evaluation\.metrics needs .*numbers from 0 to 1/,
    ],
    [
      { ...classes, evaluation: { data: "one-of-three" } },
      /evaluation\.data needs a test set that fits the model: .*numbers from 0 to 1/,
    ],
    [
      { ...classes, data: "of-three", stop: { targetAccuracy: 0.5 } },
      /stop\.targetAccuracy needs a test set/,
    ],
    [
      { ...numbers, model: dense(2, "linear"), evaluation: { data: "numbers" } },
      /evaluation\.data needs a test set that fits the model: The labels y have the shape/,
    ],
  ])("%j: a run that cannot be scored as it asks fails with the reason", async (spec, reason) => {
    const { runId } = await create(spec);
    const { statusReason } = await runIs(runId, "failed");
    expect(statusReason).toMatch(reason);
  });

  test("a run that asks for nothing goes on without a score", async () => {
    const run = await played({ ...classes, data: "nowhere" });
    expect(run.unscoredReason).toMatch(/nowhere\.safetensors/);
  });

  test.each([
    [{ metrics: ["f2"] }, "evaluation.metrics.0", /"?is not built in; there are loss/],
    [{ metrics: Array(17).fill("f1") }, "evaluation.metrics", /./],
    [{ metric: "mine" }, "evaluation.metric", /say in evaluation\.direction/],
    [{ every: 0 }, "evaluation.every", /./],
    [{ batchSize: 1.5 }, "evaluation.batchSize", /./],
    [{ data: "../x" }, "evaluation.data", /./],
    [{ metric: "__proto__", direction: "lower" }, "evaluation.metric", /./],
  ])("%j is refused when the run is created", async (evaluation, path, message) => {
    const { status, body } = await create({ ...classes, evaluation });
    expect(status).toBe(400);
    const { problems } = (body as { error: { problems: { path: string; message: string }[] } }).error;
    expect(problems).toEqual([{ path, message: expect.stringMatching(message) }]);
  });
});
