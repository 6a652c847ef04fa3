// A run through the real functions, exported over the api and replayed by the simulator: the same cohorts,
// weights and model bytes. Clients do what their names say; they take turns, so that what comes of a round
// does not depend on the machine.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { simulateRun } from "../../infra/sim/engine/simulateRun.ts";
import { recordingOf } from "../../infra/sim/replay/readRecording.ts";
import type { Recording } from "../../infra/sim/replay/recording.ts";
import { type SimulateOptions, simulate } from "../../infra/sim/simulate.ts";
import { populationOf, recordedSource, specOf } from "../../infra/sim/source.ts";
import { trainedLearner } from "../../infra/sim/training/trainedLearner.ts";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf, type Weights } from "../../shared/core/updates/weights.ts";
import { type ClientServer, type ClientTask, startClientServer } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually, registerClients } from "../support/scriptedClient.ts";

const WELL = ["well-a", "well-b", "well-c", "well-d", "well-e"];
/** Its function answers and does nothing. */
const ABSENT = "absent";
/** Its data cannot be read. */
const FAILING = "failing";
/** It works until its round is over. */
const SLOW = "slow";
const CLIENTS = [...WELL, ABSENT, FAILING, SLOW];
const ROUNDS = 6;

const trainer = createTestTrainer({ durationMs: (clientId) => 2 * CLIENTS.indexOf(clientId) + 1 });

function dataOf(clientId: string): Uint8Array {
  const samples = 10 + CLIENTS.indexOf(clientId);
  return encodeSafetensors([
    floatTensor("x", [samples, 4], new Float32Array(samples * 4).fill(0.5)),
    floatTensor(
      "y",
      [samples],
      new Float32Array(samples).map((_, row) => row),
    ),
  ]);
}

/**
 * Lets one invocation after the other report: those of earlier rounds first, those of a round in the order of
 * their names.
 */
class Stage {
  readonly #atWork = new Map<number, Map<string, "claiming" | "here" | "done">>();

  enter({ round, clientId }: ClientTask): void {
    this.#of(round).set(clientId, "claiming");
  }

  leave({ round, clientId }: ClientTask): void {
    this.#of(round).set(clientId, "done");
  }

  /** Once everybody of the round has claimed, and everybody before this one is done. */
  async arrive({ runId, round, clientId }: ClientTask): Promise<void> {
    const ofRound = this.#of(round).set(clientId, "here");
    const { cohort } = await eventually("the round", () => cloud.store.get(refs.round(runId, round)));
    const others = cohort.filter((id) => id !== ABSENT && id !== clientId);
    await eventually("everybody's claim", async () =>
      others.every((id) => !["claiming", undefined].includes(ofRound.get(id))) ? true : null,
    );
    const before = clientId === SLOW ? [] : others.filter((id) => id !== SLOW && id < clientId);
    await eventually("its turn", async () =>
      before.every((id) => ofRound.get(id) === "done") && this.#isOver(round) ? true : null,
    );
    const status = async () => (await cloud.store.get(refs.round(runId, round)))?.status ?? "training";
    if (clientId === SLOW || (await status()) !== "training")
      await eventually("the end of the round", async () =>
        ["closed", "degraded"].includes(await status()) ? true : null,
      );
    // No two reports in the same millisecond.
    await sleep(3);
  }

  /** Whether no client of an earlier round is at work. */
  #isOver(round: number): boolean {
    return [...this.#atWork].every(
      ([earlier, ofRound]) => earlier >= round || [...ofRound.values()].every((state) => state === "done"),
    );
  }

  #of(round: number): Map<string, "claiming" | "here" | "done"> {
    const ofRound = this.#atWork.get(round) ?? new Map();
    this.#atWork.set(round, ofRound);
    return ofRound;
  }
}

let cloud: TestCloud;
let server: ClientServer;
let folder: string;
let exported: string;
let recording: Recording;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: async () => decodeDataset(dataOf("well-a")),
  });
  folder = await mkdtemp(join(tmpdir(), "agreement-"));
  server = await startClientServer(cloud, depsOf);
  await registerClients(cloud, CLIENTS, server.url);
  recording = await recordRun();
});

afterAll(async () => {
  await server.close();
  await cloud.stop();
  await rm(folder, { recursive: true });
});

const stage = new Stage();
const started = new Set<string>();

function depsOf(task: ClientTask) {
  const { clientId } = task;
  if (clientId === ABSENT) return null;
  stage.enter(task);
  return {
    trainer: async () => trainer,
    readData: async () => {
      await stage.arrive(task);
      return decodeDataset(clientId === FAILING ? new Uint8Array() : dataOf(clientId));
    },
    takeColdStart: () => {
      if (started.has(clientId)) return null;
      started.add(clientId);
      return 5;
    },
    onDone: () => stage.leave(task),
  };
}

/** Runs it to its end, and reads all that the api returns about it. */
async function recordRun(): Promise<Recording> {
  const created = await cloud.call("POST", "/v1/runs", {
    name: "Agreement",
    model: { builtin: "tiny-mlp" },
    training: { batchSize: 4 },
    selection: { strategy: "fedlesscan", cohortSize: 4, overSelect: 0.25, explorationEvery: 3 },
    round: { deadlineSeconds: 10, quorum: 0.5, deadline: { kind: "adaptive", minSeconds: 5 } },
    evaluation: { federated: { share: 0.3, minSamples: 1 } },
    stop: { rounds: ROUNDS },
    seed: 3,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await eventually(
    "the end of the run",
    async () => {
      const run = await cloud.store.get(refs.run(runId));
      const last = await cloud.store.get(refs.round(runId, ROUNDS));
      return run?.status === "completed" && last?.followedUp === true ? true : null;
    },
    50_000,
  );
  const get = async (path: string) => (await cloud.call("GET", `/v1/runs/${runId}${path}`)).body;
  const rounds = Array.from({ length: ROUNDS }, (_, i) => i + 1);
  const documents = [
    await get(""),
    await get("/rounds?limit=100"),
    ...(await Promise.all(rounds.map((round) => get(`/rounds/${round}/invocations?limit=100`)))),
  ];
  exported = join(folder, "run.json");
  await writeFile(exported, JSON.stringify(documents));
  return recordingOf(exported, documents);
}

/** What a round came to, its moments aside. */
function essence(round: Round) {
  const { cohort, wanted, groups, selectionState, signals, closeReason, baseVersion, newVersion } = round;
  const { counts, consumed, dropped, eur, notChosen, federated, participation } = round;
  const outcomes = round.outcomes.map(
    ({ busyUntilAt: _busy, reportedAt: _at, costUsd: _usd, cannot, ...rest }) => ({
      ...rest,
      cannot: cannot?.reason,
    }),
  );
  return {
    ...{
      round: round.round,
      cohort,
      wanted,
      notChosen,
      groups,
      selectionState,
      signals,
      closeReason,
      outcomes,
    },
    ...{ baseVersion, newVersion, counts, consumed, dropped, eur, federated, participation },
  };
}

function modelFile(weights: Weights, runId: string, version: number, round: number): Uint8Array {
  const metadata = { runId, version: String(version), round: String(round) };
  return encodeSafetensors(tensorsOf(weights), metadata);
}

describe("the simulator on a recorded run", () => {
  test("has everything that can happen to an invocation", () => {
    const results = recording.rounds.flatMap(({ outcomes }) => outcomes.map(({ result }) => result));
    expect(new Set(results)).toEqual(new Set(["in-time", "late", "failed", "missed"]));
    expect(recording.rounds.some(({ groups }) => groups.length > 1)).toBe(true);
    const consumed = recording.rounds.flatMap((round) => round.consumed);
    expect(consumed.some(({ staleness }) => staleness > 0)).toBe(true);
    const scored = recording.rounds.filter(({ federated }) => federated !== undefined);
    expect(scored.length).toBeGreaterThan(1);
  });

  test("makes the same cohorts for the same reasons, the same weights and the same model bytes", async () => {
    const source = await recordedSource(exported);
    const spec = specOf(source, { strategy: "fedlesscan", paperFaithful: false, level: 0, seed: 1 }, {});
    expect(spec).toEqual(recording.run.spec);
    const learner = await trainedLearner({
      spec,
      trainer,
      topology: toLayersTopology(modelSpec("tiny-mlp")),
      clientData: (clientId) => decodeDataset(dataOf(clientId)),
      evaluationData: decodeDataset(dataOf("well-a")),
    });
    const versions = new Map([[0, learner.weights(0)]]);
    const rounds: Round[] = [];
    await simulateRun({
      spec,
      population: populationOf(source, 0, 1),
      learner: {
        ...learner,
        keep: (version, weights, state, oldest) => {
          versions.set(version, weights);
          learner.keep(version, weights, state, oldest);
        },
      },
      prices: priceTables["cloud-run-2026"],
      workFactor: 1,
      ignoresBusy: false,
      onRound: ({ round }) => rounds.push(round),
    });

    expect(rounds.map(essence)).toEqual(recording.rounds.map(essence));
    const { runId } = recording.run;
    const written = recording.rounds.filter(({ newVersion }) => newVersion !== null);
    expect(written.length).toBeGreaterThan(0);
    for (const { round, newVersion } of written) {
      const version = newVersion ?? 0;
      const ours = modelFile(versions.get(version) ?? [], runId, version, round);
      const theirs = await cloud.objects.read(modelObject(runId, version));
      expect(Buffer.from(ours).equals(Buffer.from(theirs)), `version ${version}`).toBe(true);
    }
  });

  test("stands beside what it would have been otherwise", async () => {
    const simulated = async (over: Partial<SimulateOptions>) => {
      const [out, json] = [new PassThrough(), join(folder, "rows.json")];
      const options = { paperFaithful: false, stragglers: [0], seeds: 1, train: "off", spec: {} } as const;
      const result = { file: json, option: "--out", isPrinted: false } as const;
      const files = { scenario: [], replay: exported, workers: 1, result };
      await simulate({ ...options, ...files, ...over }, out, new PassThrough());
      const [row] = JSON.parse(await readFile(json, "utf8"));
      return { row, table: String(out.read()) };
    };
    const meanEur = recording.rounds.reduce((sum, { eur }) => sum + (eur ?? 0), 0) / ROUNDS;
    const asItWas = await simulated({});
    expect(asItWas.row).toMatchObject({
      scenario: recording.run.runId,
      strategy: "fedlesscan",
      rounds: ROUNDS,
    });
    expect(asItWas.row.eur).toBeCloseTo(meanEur, 12);
    expect(asItWas.table).toContain("difference");
    const whatIf = await simulated({
      strategy: ["fedavg"],
      spec: { selection: { cohortSize: 8 }, stop: { rounds: 3 } },
    });
    expect(whatIf.row).toMatchObject({ strategy: "fedavg", rounds: 3 });
  });
});
