// Examples of the api's description, recorded from calls: each route with what is sent and what is answered.
// `npm run test:full -- test/functions/apiExamples.test.ts --update` records them anew.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { buildChecks } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { type Recorded, recorder } from "../support/recordedExamples.ts";
import { eventually } from "../support/scriptedClient.ts";
import { contributeTwoRounds } from "../support/twoRounds.ts";

const FILE = fileURLToPath(new URL("../../functions/api/examples.json", import.meta.url));

const scorer: Trainer = {
  backend: "tfjs-node 2.21.0",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({
    accuracy: 0.875,
    loss: 0.4375,
    metrics: { f1: 0.875 },
    details: { classes: [], confusion: null },
    samples: 8,
  }),
};

const SPEC = {
  name: "Ward round",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 2 },
  evaluation: { metrics: ["f1"] },
  stop: { rounds: 2 },
  seed: 7,
};
const CLIENTS = ["clinic-07", "clinic-12"];

let cloud: TestCloud;
let recorded: Recorded;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
  });
  recorded = await play();
}, 60_000);

afterAll(() => cloud.stop());

const ready = (runId: string) =>
  eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );

/** Calls every route in an order in which each has something to tell. */
async function play(): Promise<Recorded> {
  const { call, recorded } = recorder(cloud);
  for (const clientId of CLIENTS.toReversed()) {
    await call("POST", "/v1/clients", {
      body: {
        clientId,
        url: `https://training.${clientId}.example.org`,
        serviceAccount: `${clientId}@silo.iam.gserviceaccount.com`,
        labels: { region: "north" },
      },
    });
  }
  await call("GET", "/v1/clients", { query: { limit: 100 } });
  const clientId = "clinic-07";
  await call("PATCH", "/v1/clients/{clientId}", {
    params: { clientId },
    body: { labels: { ward: "7" }, capacity: { memoryMib: 4_096 } },
  });
  await call("POST", "/v1/clients/{clientId}/check", { params: { clientId }, body: {} });
  // As its function would answer.
  const checks = buildChecks({
    clientId,
    url: `https://training.${clientId}.example.org`,
    serviceAccount: `${clientId}@silo.iam.gserviceaccount.com`,
    attempts: 1,
  });
  await cloud.store.transact("change-check", async (transaction) => {
    await transaction.get(refs.checks(clientId));
    transaction.set(refs.checks(clientId), { ...checks, clientId });
  });
  await call("GET", "/v1/clients/{clientId}", { params: { clientId } });
  await call("GET", "/v1/clients/{clientId}/checks", { params: { clientId } });

  await call("POST", "/v1/uploads", { body: { sizeBytes: 1_284 } });
  await call("POST", "/v1/runs/check", { body: SPEC });
  const { runId } = (await call("POST", "/v1/runs", { body: SPEC, key: "ward-round-1" })) as {
    runId: string;
  };
  const params = { runId };
  await ready(runId);
  await call("PATCH", "/v1/runs/{runId}", {
    params,
    body: { labels: { team: "cardiology" }, notes: "The first one." },
  });
  await call("POST", "/v1/runs/{runId}/start", { params, key: "start-1" });
  await contributeTwoRounds(cloud, runId);
  await eventually("the sweep", async () =>
    (await cloud.store.get(refs.run(runId)))?.swept === true ? true : null,
  );
  await call("GET", "/v1/runs", { query: { status: "running,completed", label: "team=cardiology" } });
  await call("GET", "/v1/runs/{runId}", { params });
  await call("GET", "/v1/runs/{runId}/live", { params });
  await call("GET", "/v1/runs/{runId}/series/{block}", { params: { runId, block: 0 } });
  await call("GET", "/v1/runs/{runId}/rounds", { params, query: { limit: 10 } });
  await call("GET", "/v1/runs/{runId}/rounds/{round}", { params: { runId, round: 2 } });
  await call("GET", "/v1/runs/{runId}/rounds/{round}/invocations", { params: { runId, round: 2 } });
  await call("GET", "/v1/runs/{runId}/invocations", { params, query: { from: 1, to: 2 } });
  await call("GET", "/v1/clients/{clientId}/invocations", { params: { clientId } });
  await call("GET", "/v1/runs/{runId}/roster", { params });
  await call("GET", "/v1/runs/{runId}/topology", { params });
  const version = { runId, version: "best" };
  await call("GET", "/v1/runs/{runId}/models/{version}", { params: version });
  await call("GET", "/v1/runs/{runId}/models/{version}/score", { params: version });
  await call("POST", "/v1/runs/{runId}/models/{version}/evaluate", {
    params: version,
    body: { data: "spring", metrics: ["f1"] },
    key: "evaluate-1",
  });
  await eventually("the score", async () => {
    const { items } = await cloud.store.listEvaluations(runId, { limit: 1 });
    return items[0]?.status === "scored" ? true : null;
  });
  await call("GET", "/v1/runs/{runId}/models/{version}/evaluation", { params: version });
  await call("GET", "/v1/runs/{runId}/evaluations", { params });
  await call("GET", "/v1/runs/{runId}/actions", { params, query: { limit: 3 } });

  const other = { ...SPEC, name: "By hand" };
  const made = (await call("POST", "/v1/runs", { body: other, isExample: false })) as { runId: string };
  const second = { runId: made.runId };
  await ready(made.runId);
  await call("POST", "/v1/runs/{runId}/rounds", { params: second, key: "round-1" });
  await eventually("its first round", () => cloud.store.get(refs.round(made.runId, 1)));
  await call("POST", "/v1/runs/{runId}/start", { params: second, isExample: false });
  await call("POST", "/v1/runs/{runId}/pause", { params: second });
  await call("POST", "/v1/runs/{runId}/resume", { params: second });
  await call("POST", "/v1/runs/{runId}/cancel", { params: second });
  await call("DELETE", "/v1/clients/{clientId}", { params: { clientId: "clinic-12" } });
  await call("GET", "/v1/clients/{clientId}/actions", { params: { clientId: "clinic-12" } });
  await call("GET", "/v1/meta");
  return recorded();
}

test("are those of the file that the api is bundled with", async () => {
  await expect(`${JSON.stringify(recorded, null, 2)}\n`).toMatchFileSnapshot(FILE);
});

test("stand in the description, for every route, and fulfil its schemas", async () => {
  const document = (await (await fetch(`${cloud.urls.api}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "api");
  let checked = 0;
  for (const [path, methods] of Object.entries(document.paths)) {
    if (path === "/openapi.json") continue;
    for (const [method, operation] of Object.entries(methods)) {
      const where = `${method} ${path}`;
      const place = `api#/paths/${pointer(path)}/${method}`;
      const { parameters = [], requestBody, responses } = operation;
      const [status = ""] = Object.keys(responses).filter((code) => code.startsWith("2"));
      for (const [at, content] of [
        ["requestBody", requestBody?.content],
        [`responses/${status}`, responses[status]?.content],
      ] as const) {
        if (content === undefined) continue;
        const { example } = content["application/json"];
        expect(example, `${where}: an example of ${at}`).toBeDefined();
        const isValid = ajv.getSchema(`${place}/${at}/content/application~1json/schema`);
        expect([where, at, isValid?.(example), isValid?.errors]).toEqual([where, at, true, null]);
        checked++;
      }
      for (const parameter of parameters.filter(({ in: place }) => place === "path")) {
        expect(parameter.example, `${where}: an example of ${parameter.name}`).toBeDefined();
      }
    }
  }
  expect(checked).toBeGreaterThan(40);
});

test("hold nothing of the machine that they were recorded on, and no secret", () => {
  const text = readFileSync(FILE, "utf8");
  expect(text).not.toMatch(/127\.0\.0\.1|localhost|test-\d+|Signature=(?!…)|eyJ/);
  // A reader of the description reads all of them.
  expect(text.length).toBeLessThan(120_000);
});

interface Content {
  readonly "application/json": { readonly example?: unknown };
}
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

const pointer = (path: string) => encodeURIComponent(path.replaceAll("~", "~0").replaceAll("/", "~1"));
