// Several data sets a client: a run trains on the one that it names, is scored on the test set of that name,
// and says which file is missing. Names that lead elsewhere reach no file.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import { connect } from "../../functions/client/deps.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { connect as connectEvaluator } from "../../functions/evaluator/deps.ts";
import { EvaluatorEnv } from "../../functions/evaluator/env.ts";
import { readEnv } from "../../shared/cloud/env.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { accountOf, eventually, registerClients } from "../support/scriptedClient.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

const CLIENT_URL = "https://clinic.example.org";
const QUEUE = "queue@test.iam.gserviceaccount.com";

let folder: string;
let cloud: TestCloud;

/** As many samples as show which file was read. */
function put(path: string, samples: number): void {
  const whole = join(folder, path);
  mkdirSync(join(whole, ".."), { recursive: true });
  const tensors = [
    floatTensor("x", [samples, 4], new Float32Array(4 * samples)),
    floatTensor("y", [samples], new Float32Array(samples)),
  ];
  writeFileSync(whole, encodeSafetensors(tensors));
}

const addressOf = (path: string) => `${pathToFileURL(folder).href}/${path}`;
const templates = {
  beside: "clients/{clientId}.safetensors",
  within: "sets/{data}/{clientId}.safetensors",
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus sets-"));
  put("clients/clinic-a.safetensors", 3);
  put("clients/clinic-a/x-rays.safetensors", 5);
  put("clients/clinic-b.safetensors", 4);
  put("sets/default/clinic-a.safetensors", 6);
  put("sets/x-rays/clinic-a.safetensors", 7);
  put("secret.safetensors", 9);
  put("evaluation/test.safetensors", 2);
  put("evaluation/test/x-rays.safetensors", 8);
  const trainer = createTestTrainer();
  const evaluator = connectEvaluator(
    readEnv(EvaluatorEnv, {
      ...completeEnvironment,
      EVALUATION_DATA: addressOf("evaluation/test.safetensors"),
    }),
    0,
  );
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: evaluator.evaluationData,
  });
  await registerClients(cloud, ["clinic-a", "clinic-b"]);
});

afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

interface Place {
  readonly runId: string;
  readonly round: number;
  readonly clientId: string;
}

/** Delivers an invocation to the client function, which reads its files as a deployed one does. */
async function deliver(
  place: Place,
  template: string,
  coordinatorUrl = cloud.urls.coordinator,
  more: Readonly<Record<string, string>> = {},
) {
  const env = readEnv(ClientEnv, {
    ...completeEnvironment,
    TASK_INVOKER: QUEUE,
    CLIENT_URL,
    CLIENT_DATA: addressOf(template),
    ...more,
    TRAINER: "test",
    OIDC_CERTS_URL: cloud.certsUrl,
  });
  const tokens = {
    fetchIdToken: (audience: string) => cloud.token(accountOf(place.clientId), audience),
    accessToken: () => Promise.reject(new Error("not here")),
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const coordinator = connectCoordinator(coordinatorUrl, tokens, 0);
  const handler = clientHandler(
    { ...connect(env, 0), coordinator, download, downloadShared: wholeReads(download), upload, log },
    env,
  );
  const authorization = `Bearer ${await cloud.token(QUEUE, CLIENT_URL)}`;
  const headers = { authorization, "content-type": "application/json" };
  return handler({ method: "POST", path: "/", query: {}, headers, readBody: sentBody({ ...place }) });
}

async function openRound(more: object): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "sets",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2 },
    stop: { rounds: 1 },
    ...more,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${body.runId}/start`);
  await eventually("the round", () => cloud.store.get(refs.round(body.runId, 1)));
  return body.runId;
}

async function invocationOf({ runId, round, clientId }: Place): Promise<Invocation> {
  const invocation = await cloud.store.get(refs.invocation(runId, round, clientId));
  if (invocation === null) throw new Error("There is no such invocation.");
  return invocation;
}

describe("a run", () => {
  test.each([
    ["none", {}, templates.beside, 3],
    ["one", { data: "x-rays" }, templates.beside, 5],
    ["none, of folders for each", {}, templates.within, 6],
    ["one, of folders for each", { data: "x-rays" }, templates.within, 7],
  ])("that names %s trains on that file", async (_which, more, template, samples) => {
    const place = { runId: await openRound(more), round: 1, clientId: "clinic-a" };
    expect((await deliver(place, template)).status).toBe(200);
    const { training, failure } = await invocationOf(place);
    expect(failure).toBeNull();
    expect(training?.samples).toBe(samples);
  });

  test("says that a data set is missing, for each client that lacks it, and goes on with the others", async () => {
    const runId = await openRound({ data: "x-rays" });
    const [has, lacks] = ["clinic-a", "clinic-b"].map((clientId) => ({ runId, round: 1, clientId }));
    if (has === undefined || lacks === undefined) throw new Error("two clients");
    expect((await deliver(lacks, templates.beside)).status).toBe(200);
    expect((await deliver(has, templates.beside)).status).toBe(200);
    const { status, failure } = await invocationOf(lacks);
    expect(status).toBe("failed");
    expect(failure).toMatchObject({ code: "failed-precondition", reason: "no-data" });
    expect(failure?.message, "its owner's paths are its owner's").not.toContain("clients/");
    const run = await eventually("the end", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "completed" ? found : null;
    });
    expect(run.modelVersion).toBe(1);
    expect(run.totals).toMatchObject({ inTime: 1, failed: 1 });
  });

  test.each([
    ["some", "a,label\n1,0\nssn-123,1\n3,1\n,0\n", 0.5],
    ["too many", "a,label\n1,0\nssn-123,1\n", 0.1],
  ])("says how many rows of a table its client left out: %s", async (_which, csv, maxRefusedShare) => {
    mkdirSync(join(folder, "tables/clinic-a"), { recursive: true });
    writeFileSync(join(folder, "tables/clinic-a/2026.csv"), csv);
    const features = { kind: "table", inputs: ["a"], target: "label", maxRefusedShare };
    writeFileSync(join(folder, "tables/features.json"), JSON.stringify(features));
    const place = { runId: await openRound({}), round: 1, clientId: "clinic-a" };
    const more = { CLIENT_FEATURES: addressOf("tables/features.json") };
    const sent = await deliver(place, "tables/{clientId}/*.csv", cloud.urls.coordinator, more);
    expect(sent.status).toBe(200);
    const { training, failure, data } = await invocationOf(place);
    if (maxRefusedShare === 0.5) {
      expect(failure).toBeNull();
      expect(training?.samples).toBe(2);
      expect(data).toEqual({
        rows: 4,
        refused: [
          { reason: "not-a-number", rows: 1, firstRow: 1 },
          { reason: "missing-value", rows: 1, firstRow: 3 },
        ],
        dropped: 0,
      });
    } else {
      expect(failure?.message).toContain(
        "1 of its 2 rows cannot be used, more than the share maxRefusedShare",
      );
      expect(failure?.message).toContain("not-a-number 1 (first: row 1)");
      expect(failure?.message).not.toContain("ssn");
    }
    const path = `/v1/runs/${place.runId}/rounds/1/invocations`;
    const shown = (await cloud.call("GET", path)).body.items.find(
      ({ clientId }: { clientId: string }) => clientId === "clinic-a",
    );
    expect(shown.data).toEqual(data);
  });

  test("that no client has data for fails, with why in its reason", async () => {
    const runId = await openRound({ data: "constructor" });
    for (const clientId of ["clinic-a", "clinic-b"]) {
      await deliver({ runId, round: 1, clientId }, templates.beside);
    }
    const run = await eventually("the end", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "failed" ? found : null;
    });
    expect(run.statusReason).toMatch(/2 of 2 for this reason: The client's data set is not there, or/);
  });

  test.each([
    ["none", {}, null],
    ["one", { data: "x-rays" }, null],
    ["one that has no test set", { data: "ultrasound" }, /evaluation\/test\/ultrasound\.safetensors/],
  ])("that names %s is scored on the test set of that name", async (_which, more, unscored) => {
    const runId = await openRound({ ...more, selection: { strategy: "random", cohortSize: 1 } });
    const [clientId = ""] = (await cloud.store.get(refs.round(runId, 1)))?.cohort ?? [];
    put(`clients/${clientId}/ultrasound.safetensors`, 3);
    put(`clients/${clientId}/x-rays.safetensors`, 5);
    await deliver({ runId, round: 1, clientId }, templates.beside);
    const run = await eventually("the end", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "completed" ? found : null;
    });
    if (unscored === null) expect(run).toMatchObject({ evaluatedVersion: 1, unscoredReason: null });
    else expect(run.unscoredReason).toMatch(unscored);
    rmSync(join(folder, "clients/clinic-b"), { recursive: true, force: true });
  });

  test("with a target is refused where there is no test set of that name, with the file", async () => {
    const spec = {
      name: "sets",
      model: { builtin: "tiny-mlp" },
      data: "ultrasound",
      selection: { strategy: "random", cohortSize: 1 },
      stop: { targetAccuracy: 0.9 },
    };
    const { body } = await cloud.call("POST", "/v1/runs", spec);
    const run = await eventually("the refusal", async () => {
      const found = await cloud.store.get(refs.run(body.runId));
      return found?.status === "failed" ? found : null;
    });
    expect(run.statusReason).toMatch(/evaluation\/test\/ultrasound\.safetensors/);
  });
});

const hostile = [
  "../x",
  "..",
  "../../secret",
  "%2e%2e%2fsecret",
  "__proto__",
  "",
  " ",
  "/",
  "a/b",
  "a\\b",
  "a.b",
  "X-Rays",
  "x-rays-",
  "{clientId}",
  "a\u0000b",
  "a".repeat(64),
  5,
  null,
  ["x-rays"],
];

describe("an invalid name", () => {
  test.each(hostile)("%j is refused when the run is created", async (data) => {
    const { status, body } = await cloud.call("POST", "/v1/runs", {
      name: "sets",
      model: { builtin: "tiny-mlp" },
      data,
      selection: { strategy: "random", cohortSize: 1 },
    });
    expect(status).toBe(400);
    expect(body.error.problems.map(({ path }: { path: string }) => path)).toEqual(["data"]);
  });
});
