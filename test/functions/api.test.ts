// The HTTP API on the local cloud's servers: every status it promises, validation by path, idempotency,
// pages, links.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceAccount } from "../../infra/box/deployment.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { topologyObject } from "../../shared/core/round/objects.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { describer } from "../support/describer.ts";
import { accountOf, eventually } from "../support/scriptedClient.ts";

const SPEC = {
  name: "Über Spec / 1",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 1 },
};

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => describer,
    evaluationData: () => Promise.reject(new Error("not here")),
  });
});

afterAll(() => cloud.stop());

function registration(clientId: string) {
  return { clientId, url: "https://train.example.org", serviceAccount: accountOf(clientId) };
}

async function readyRun(): Promise<string> {
  const { runId } = (await cloud.call("POST", "/v1/runs", SPEC)).body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  return runId;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>;
}

describe("who may call", () => {
  const cases: [string, () => Promise<Record<string, string>>, number][] = [
    ["no token", async () => ({ authorization: "" }), 401],
    ["another scheme", async () => ({ authorization: "Basic b3BlcmF0b3I6cGFzcw==" }), 401],
    ["no JWT", async () => ({ authorization: "Bearer nonsense" }), 401],
    [
      "a token for another function",
      async () => ({ authorization: `Bearer ${await cloud.token("operator", cloud.urls.coordinator)}` }),
      401,
    ],
    [
      "an expired token",
      async () => ({ authorization: `Bearer ${await cloud.token("operator", cloud.urls.api, -60)}` }),
      401,
    ],
    [
      "the queue's identity, which is not an operator",
      async () => ({ authorization: `Bearer ${await cloud.token("task-invoker", cloud.urls.api)}` }),
      403,
    ],
  ];
  test.each(cases)("%s", async (_name, headers, status) => {
    for (const path of ["/v1/runs", "/nothing/here", "/openapi.json/x"]) {
      const answer = await cloud.call("GET", path, undefined, await headers());
      expect(answer.status).toBe(status);
      if (status === 401) expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("tasks come from the queue's identity only", async () => {
    const operator = await cloud.callAs("operator", cloud.urls.coordinator, "/open-round", {
      runId: "x",
      request: 1,
    });
    expect(operator.status).toBe(403);
    const clientQueue = await cloud.callAs("client-invoker", cloud.urls.coordinator, "/open-round", {
      runId: "x",
      request: 1,
    });
    expect(clientQueue.status, "it calls clients only").toBe(403);
    const queue = await cloud.callAs("task-invoker", cloud.urls.coordinator, "/open-round", {
      runId: "x",
      request: 1,
    });
    expect(queue.status, "a permanent failure is not repeated").toBe(200);
    expect(queue.body.ignored.code).toBe("not-found");
  });
});

describe("what is asked", () => {
  test("a bad spec is refused with every problem by path", async () => {
    const answer = await cloud.call("POST", "/v1/runs", {
      name: " ",
      model: { builtin: "no-such-model" },
      selection: { strategy: "random", cohortSize: 0, colour: "red" },
      training: { localEpochs: 1.5, optimizer: { name: "adam", learningRate: -1 } },
      round: { quorum: 0 },
      sed: 7,
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe("invalid-argument");
    const paths = answer.body.error.problems.map(({ path }: { path: string }) => path);
    expect(paths.toSorted()).toEqual([
      "model.builtin",
      "name",
      "round.quorum",
      "sed",
      "selection.cohortSize",
      "selection.colour",
      "training.localEpochs",
      "training.optimizer.learningRate",
    ]);
  });

  test("rules across fields", async () => {
    const answer = await cloud.call("POST", "/v1/runs", { ...SPEC, round: { minUpdates: 2 } });
    expect(answer.body.error.problems).toEqual([
      { path: "round.minUpdates", message: expect.stringContaining("selection.cohortSize") },
    ]);
  });

  test.each([
    ["GET", "/v1/none", 404],
    ["GET", "/v1/runs/no-such-run", 404],
    ["GET", "/v1/clients/no-such-client", 404],
    ["GET", "/v1/runs/..%2F..%2Fclients", 400],
    ["GET", "/v1/runs/UPPER", 400],
    ["GET", "/v1/runs?limit=0", 400],
    ["GET", "/v1/runs?limit=many", 400],
    ["GET", "/v1/runs?cursor=nonsense", 400],
    ["GET", "/v1/runs?colour=red", 400],
    ["PUT", "/v1/runs", 405],
    ["DELETE", "/v1/runs", 405],
  ])("%s %s is %i", async (method, path, status) => {
    const answer = await cloud.call(method, path);
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer.body.error.message).toBeTypeOf("string");
  });

  test("content type and size", async () => {
    const plain = await cloud.call("POST", "/v1/runs", JSON.stringify(SPEC), {
      "content-type": "text/plain",
    });
    expect(plain.status).toBe(415);
    const large = await cloud.call("POST", "/v1/runs", { ...SPEC, name: "x".repeat(5 * 1024 * 1024) });
    expect(large.status).toBe(413);
  });

  test("the description is of OpenAPI 3.1, names every path and needs no token", async () => {
    const response = await fetch(`${cloud.urls.api}/openapi.json`);
    const body = JSON.parse(await response.text());
    expect(response.status).toBe(200);
    expect(body.paths["/openapi.json"].get.security).toEqual([]);
    expect((await fetch(`${cloud.urls.api}/openapi.json`, { method: "POST" })).status).toBe(401);
    expect(body.openapi).toBe("3.1.0");
    expect(body.servers).toEqual([{ url: cloud.urls.api }]);
    const tags = body.tags.map(({ name }: { name: string }) => name);
    for (const [path, methods] of Object.entries<Record<string, Operation>>(body.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (path === "/openapi.json") continue;
        const [answer] = Object.values(operation.responses);
        expect(tags, `the tag of ${method} ${path}`).toContain(operation.tags?.[0]);
        // test/functions/apiExamples.test.ts records them.
        expect(answer?.content?.["application/json"], `${method} ${path}`).toHaveProperty("example");
      }
    }
    expect(Object.keys(body.paths).toSorted()).toEqual([
      "/openapi.json",
      "/v1/clients",
      "/v1/clients/{clientId}",
      "/v1/clients/{clientId}/actions",
      "/v1/clients/{clientId}/check",
      "/v1/clients/{clientId}/checks",
      "/v1/clients/{clientId}/invocations",
      "/v1/meta",
      "/v1/runs",
      "/v1/runs/check",
      "/v1/runs/{runId}",
      "/v1/runs/{runId}/actions",
      "/v1/runs/{runId}/cancel",
      "/v1/runs/{runId}/evaluations",
      "/v1/runs/{runId}/invocations",
      "/v1/runs/{runId}/live",
      "/v1/runs/{runId}/models/{version}",
      "/v1/runs/{runId}/models/{version}/evaluate",
      "/v1/runs/{runId}/models/{version}/evaluation",
      "/v1/runs/{runId}/models/{version}/score",
      "/v1/runs/{runId}/pause",
      "/v1/runs/{runId}/resume",
      "/v1/runs/{runId}/roster",
      "/v1/runs/{runId}/rounds",
      "/v1/runs/{runId}/rounds/{round}",
      "/v1/runs/{runId}/rounds/{round}/invocations",
      "/v1/runs/{runId}/series/{block}",
      "/v1/runs/{runId}/start",
      "/v1/runs/{runId}/topology",
      "/v1/uploads",
    ]);
  });
});

describe("clients", () => {
  test("registered, read, listed in pages, retired", async () => {
    for (const clientId of ["lab-a", "lab-b", "lab-c"]) {
      expect((await cloud.call("POST", "/v1/clients", registration(clientId))).status).toBe(201);
    }
    const read = await cloud.call("GET", "/v1/clients/lab-b");
    expect(read.body).toMatchObject({
      ...registration("lab-b"),
      capacity: { memoryMib: 2_048 },
      retired: false,
    });
    expect(read.body.registeredAt).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);

    const first = await cloud.call("GET", "/v1/clients?limit=2");
    expect(first.body.items.map(({ clientId }: { clientId: string }) => clientId)).toEqual([
      "lab-a",
      "lab-b",
    ]);
    const second = await cloud.call("GET", `/v1/clients?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body.items.map(({ clientId }: { clientId: string }) => clientId)).toEqual(["lab-c"]);
    expect(second.body.nextCursor).toBeNull();

    expect((await cloud.call("DELETE", "/v1/clients/lab-b")).body.retired).toBe(true);
    expect((await cloud.call("DELETE", "/v1/clients/lab-b")).status).toBe(404);
    expect((await cloud.call("GET", "/v1/clients/lab-b")).status).toBe(404);
    expect((await cloud.call("GET", "/v1/clients")).body.items).toHaveLength(2);
    expect((await cloud.call("POST", "/v1/clients", registration("lab-b"))).status, "and back again").toBe(
      201,
    );
  });

  test("the same again is harmless, another under the name is refused", async () => {
    const mine = registration("lab-d");
    const one = await cloud.call("POST", "/v1/clients", mine);
    const two = await cloud.call("POST", "/v1/clients", mine);
    expect(two.body).toEqual(one.body);
    const other = await cloud.call("POST", "/v1/clients", { ...mine, url: "https://elsewhere.example.org/" });
    expect(other.status).toBe(409);
  });

  test("a late duplicate does not bring back a client that was retired; a new request does", async () => {
    const mine = registration("lab-e");
    const key = { "idempotency-key": "register-e" };
    const one = await cloud.call("POST", "/v1/clients", mine, key);
    expect((await cloud.call("DELETE", "/v1/clients/lab-e")).status).toBe(200);
    expect((await cloud.call("POST", "/v1/clients", mine, key)).body.registeredAt).toBe(
      one.body.registeredAt,
    );
    expect((await cloud.call("GET", "/v1/clients/lab-e")).status).toBe(404);
    expect((await cloud.call("POST", "/v1/clients", mine)).status).toBe(201);
    expect((await cloud.call("GET", "/v1/clients/lab-e")).status).toBe(200);
  });
});

describe("runs", () => {
  test("created, prepared, read, listed newest first", async () => {
    const runId = await readyRun();
    expect(runId).toMatch(/^uber-spec-1-[0-9a-f]{8}$/);
    const { body } = await cloud.call("GET", `/v1/runs/${runId}`);
    expect(body).toMatchObject({ status: "ready", round: 0, modelVersion: 0, model: { parameterCount: 67 } });
    const newer = await readyRun();
    const listed = await cloud.call("GET", "/v1/runs?limit=1");
    expect(listed.body.items[0].runId).toBe(newer);
    const next = await cloud.call("GET", `/v1/runs?limit=1&cursor=${listed.body.nextCursor}`);
    expect(next.body.items[0].runId).toBe(runId);
  });

  test("a topology of one's own is accepted; an invalid one is refused with the reason", async () => {
    const layers = {
      model_config: {
        class_name: "Sequential",
        config: {
          name: "own",
          layers: [
            {
              class_name: "Dense",
              config: { name: "only", units: 2, batch_input_shape: [null, 4], activation: "softmax" },
            },
          ],
        },
      },
    };
    // As Keras converters write it, as tfjs writes it, and either within a whole model.json.
    for (const written of [
      layers,
      layers.model_config,
      { modelTopology: layers, weightsManifest: [] },
      { modelTopology: layers.model_config, format: "layers-model" },
    ]) {
      const own = await cloud.call("POST", "/v1/runs", { ...SPEC, model: { layers: written } });
      expect(own.status, JSON.stringify(own.body)).toBe(201);
      const object = topologyObject(own.body.runId);
      expect(own.body.spec.model).toEqual({ object });
      expect(JSON.parse(new TextDecoder().decode(await cloud.objects.read(object)))).toEqual(layers);
      const links = await cloud.call("GET", `/v1/runs/${own.body.runId}/topology`);
      expect(await (await fetch(links.body.topology.url)).json()).toEqual(layers);
      expect(await (await fetch(links.body.source.url)).json(), "as given").toEqual({ layers: written });
    }
    const bad = { model_config: { class_name: "Sequential", config: { layers: [] } } };
    const failed = await cloud.call("POST", "/v1/runs", { ...SPEC, model: { layers: bad } });
    expect(failed.status).toBe(400);
    expect(failed.body.error.message).toContain(
      "model.layers: The model's topology is malformed: it has no layers",
    );
  });

  test("a short list of layers is a model", async () => {
    const model = {
      inputShape: [4],
      layers: [
        { type: "Dropout", rate: 0.1 },
        { type: "Dense", units: 2, activation: "softmax" },
      ],
    };
    const { body } = await cloud.call("POST", "/v1/runs", { ...SPEC, model });
    const links = await cloud.call("GET", `/v1/runs/${body.runId}/topology`);
    expect(await (await fetch(links.body.source.url)).json()).toEqual(model);
    expect(await (await fetch(links.body.topology.url)).json()).toEqual({
      model_config: {
        class_name: "Sequential",
        config: {
          name: "sequential",
          layers: [
            { class_name: "Dropout", config: { name: "dropout", rate: 0.1, batch_input_shape: [null, 4] } },
            { class_name: "Dense", config: { name: "dense", units: 2, activation: "softmax" } },
          ],
        },
      },
    });
    const wrong = { inputShape: [4], layers: ["Dense", { type: "Attention" }] };
    const refused = await cloud.call("POST", "/v1/runs", { ...SPEC, model: wrong });
    expect(refused.body.error.message).toMatch(
      /layer "attention" \(Attention\): this class is not supported: take Dot/,
    );
  });

  test("a built-in model has a topology and no source", async () => {
    const links = await cloud.call("GET", `/v1/runs/${await readyRun()}/topology`);
    expect(links.body.source).toBeNull();
    expect(await (await fetch(links.body.topology.url)).json()).toEqual(
      toLayersTopology(modelSpec("tiny-mlp")),
    );
    expect((await cloud.call("GET", "/v1/runs/nothing-1f9c0a77/topology")).status).toBe(404);
  });

  test("an illegal transition is a conflict that names the status", async () => {
    const runId = await readyRun();
    for (const [action, status] of [
      ["pause", "ready"],
      ["resume", "ready"],
    ]) {
      const answer = await cloud.call("POST", `/v1/runs/${runId}/${action}`);
      expect(answer.status).toBe(409);
      expect(answer.body.error.message).toContain(`it is ${status}`);
    }
    expect((await cloud.call("POST", `/v1/runs/${runId}/cancel`)).body.status).toBe("cancelled");
    const again = await cloud.call("POST", `/v1/runs/${runId}/start`);
    expect(again.status).toBe(409);
    expect(again.body.error.message).toContain("cancelled");
    expect((await cloud.call("POST", `/v1/runs/${runId}/rounds`)).status).toBe(409);
  });

  test("a run without enough clients says so where an operator looks", async () => {
    const { runId } = (
      await cloud.call("POST", "/v1/runs", {
        ...SPEC,
        selection: { strategy: "random", cohortSize: 50 },
        round: { minUpdates: 50 },
      })
    ).body;
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    const run = await eventually("the run being paused", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "paused" ? found : null;
    });
    expect(run.statusReason).toMatch(/of the 50 clients .* register more clients, then resume/);
  });
});

describe("idempotency keys", () => {
  test("the same request has no further effect", async () => {
    const headers = { "idempotency-key": "create-1" };
    const one = await cloud.call("POST", "/v1/runs", SPEC, headers);
    const two = await cloud.call("POST", "/v1/runs", SPEC, headers);
    expect(two.body.runId).toBe(one.body.runId);
    const { runId } = one.body;
    await eventually("ready", async () =>
      (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
    );

    const key = { "idempotency-key": "trigger-1" };
    const answers = await Promise.all(
      [1, 2, 3].map(() => cloud.call("POST", `/v1/runs/${runId}/rounds`, undefined, key)),
    );
    expect(answers.map(({ status, body }) => `${status} ${body.request}`)).toEqual([
      "202 1",
      "202 1",
      "202 1",
    ]);
  });

  test("a repeated request writes its topology once", async () => {
    const headers = { "idempotency-key": "create-own" };
    const only = { units: 2, batch_input_shape: [null, 4], activation: "softmax" };
    const layers = {
      class_name: "Sequential",
      config: { name: "own", layers: [{ class_name: "Dense", config: { name: "only", ...only } }] },
    };
    const create = () => cloud.call("POST", "/v1/runs", { ...SPEC, model: { layers } }, headers);
    const one = await create();
    expect(one.status).toBe(201);
    const written = await cloud.objects.stat(topologyObject(one.body.runId));
    expect((await create()).body.runId).toBe(one.body.runId);
    expect(await cloud.objects.stat(topologyObject(one.body.runId))).toEqual(written);
  });

  test("the order of fields and the spaces between them make no other request", async () => {
    const headers = { "idempotency-key": "create-3" };
    const one = await cloud.call("POST", "/v1/runs", SPEC, headers);
    expect(one.status).toBe(201);
    const turned = Object.fromEntries(
      Object.entries(SPEC)
        .toReversed()
        .map(([name, value]) => [
          name,
          typeof value === "object" ? Object.fromEntries(Object.entries(value).toReversed()) : value,
        ]),
    );
    const two = await cloud.call("POST", "/v1/runs", JSON.stringify(turned, null, 4), headers);
    expect([two.status, two.body.runId]).toEqual([201, one.body.runId]);
  });

  test("a key that 0.1 has recorded, by the order of fields, is known", async () => {
    const headers = { "idempotency-key": "create-4" };
    const one = await cloud.call("POST", "/v1/runs", SPEC, headers);
    const hash = (parts: unknown) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    const email = serviceAccount("operator", cloud.projectId);
    const ref = refs.idempotency(hash([email, "POST", "/v1/runs", "create-4"]));
    const record = await cloud.store.get(ref);
    if (record === null) throw new Error("no record");
    const before = { ...record, fingerprint: hash([JSON.stringify(SPEC)]) };
    await cloud.store.transact("create-run", async (transaction) => transaction.set(ref, before));
    const two = await cloud.call("POST", "/v1/runs", SPEC, headers);
    expect([two.status, two.body.runId]).toEqual([201, one.body.runId]);
  });

  test("another request with the key is refused; an empty key too", async () => {
    const headers = { "idempotency-key": "create-2" };
    expect((await cloud.call("POST", "/v1/runs", SPEC, headers)).status).toBe(201);
    expect((await cloud.call("POST", "/v1/runs", { ...SPEC, seed: 9 }, headers)).status).toBe(409);
    const empty = await cloud.call("POST", "/v1/runs", SPEC, { "idempotency-key": "" });
    expect(empty.status).toBe(400);
  });
});

describe("model versions", () => {
  test("a link that works, for published versions only", async () => {
    const runId = await readyRun();
    const link = await cloud.call("GET", `/v1/runs/${runId}/models/0`);
    expect(link.status).toBe(200);
    const response = await fetch(link.body.url);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.byteLength).toBe(link.body.sizeBytes);
    expect(
      decodeSafetensors(bytes)
        .tensors.map(({ name }) => name)
        .toSorted(),
    ).toEqual(["hidden/bias", "hidden/kernel", "output/bias", "output/kernel"]);
    expect((await cloud.call("GET", `/v1/runs/${runId}/models/1`)).status).toBe(404);
    expect((await cloud.call("GET", `/v1/runs/${runId}/models/-1`)).status).toBe(400);
    expect((await cloud.call("GET", `/v1/runs/${runId}/rounds/1`)).status).toBe(404);
    expect((await cloud.call("GET", `/v1/runs/${runId}/rounds`)).body).toEqual({
      items: [],
      nextCursor: null,
      unreadable: [],
    });
  });

  test("latest and best are versions too", async () => {
    const runId = await readyRun();
    const best = () => cloud.call("GET", `/v1/runs/${runId}/models/best`);
    expect((await cloud.call("GET", `/v1/runs/${runId}/models/latest`)).body).toMatchObject({ version: 0 });
    expect(await best()).toMatchObject({
      status: 404,
      body: {
        error: { message: expect.stringMatching(/has no best version: none of its versions is scored/) },
      },
    });
    await cloud.store.transact("publish", async (transaction) => {
      const run = await transaction.get(refs.run(runId));
      if (run === null) throw new Error("The run is gone.");
      transaction.set(refs.run(runId), { ...run, best: { version: 0, accuracy: 0.5, loss: 1, round: 0 } });
    });
    expect(await best()).toMatchObject({ status: 200, body: { version: 0 } });
  });

  test.each([
    ["models/first", "path.version: use a version's number, 0 for the initial weights, or latest or best"],
    ["models/1.5", "path.version: use a version's number, 0 for the initial weights, or latest or best"],
    ["models/NaN", "path.version: use a version's number, 0 for the initial weights, or latest or best"],
    ["rounds/latest", "path.round: use a round's number, 1 for the first"],
    ["rounds/latest/invocations", "path.round: use a round's number, 1 for the first"],
    ["rounds?limit=many", "query.limit: use a whole number from 1 to 1000"],
  ])("%s is refused with what is expected there", async (path, expected) => {
    const { status, body } = await cloud.call("GET", `/v1/runs/some-run/${path}`);
    expect(status).toBe(400);
    expect(body.error.message).toBe(`The request has 1 problem: ${expected}.`);
  });
});
