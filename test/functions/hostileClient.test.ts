// The client function among broken things: an invalid model, weights and data that do not fit, a
// coordinator and a storage that answer anything. It ends with a clear report or asks to be tried again; the
// round goes on.
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCoordinator, retryAfterHeader } from "../../functions/client/coordinator.ts";
import type { ClientDeps } from "../../functions/client/deps.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
  type Tensor,
} from "../../shared/core/updates/safetensors.ts";
import type { HttpResponse } from "../../shared/http/message.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, claim, eventually, registerClients } from "../support/scriptedClient.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

const UPGRADE = "connection: upgrade\r\nupgrade: other";
const CLIENT_URL = "https://clinic.example.org";
const NOW = Date.parse("2026-03-01T12:00:00.000Z");
const noTokens = { fetchIdToken: async () => "token", accessToken: async () => "token" };
const asked = { runId: "r", round: 1, clientId: "c", coldStart: false };

let cloud: TestCloud;
let trainer: Trainer;
let logs: { readonly severity: string; readonly message: string; readonly code: unknown }[] = [];

beforeAll(async () => {
  trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
  });
}, 60_000);

afterAll(() => cloud.stop());

/** The data set of a client of tiny-mlp, which has 4 features and 3 classes, as its file. */
function dataFile(
  rows: number,
  {
    features = 4,
    label = (row: number) => row % 3,
    value = 0.5,
    metadata = {},
  }: {
    readonly features?: number;
    readonly label?: (row: number) => number;
    readonly value?: number;
    readonly metadata?: Record<string, string>;
  } = {},
): Uint8Array {
  const x = new Float32Array(rows * features).fill(value);
  const y = Float32Array.from({ length: rows }, (_, row) => label(row));
  return encodeSafetensors([floatTensor("x", [rows, features], x), floatTensor("y", [rows], y)], metadata);
}

interface Site {
  readonly data?: Uint8Array | FlError;
  readonly download?: ClientDeps["download"];
  readonly upload?: ClientDeps["upload"];
  readonly trainer?: ClientDeps["trainer"];
  readonly as?: string;
  readonly coordinatorUrl?: string;
}

/** Delivers the task of an invocation to the real handler of a client with this site's data. */
async function deliver(place: Place, site: Site = {}) {
  logs = [];
  const write =
    (severity: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      logs.push({ severity, message, code: fields["code"] });
    };
  const log = { info: write("info"), warn: write("warn"), error: write("error"), with: () => log };
  const account = site.as ?? accountOf(place.clientId);
  const tokens = {
    fetchIdToken: (audience: string) => cloud.token(account, audience),
    accessToken: () => Promise.reject(new Error("not here")),
  };
  const deps: ClientDeps = {
    coordinator: connectCoordinator(site.coordinatorUrl ?? cloud.urls.coordinator, tokens, 0),
    download: site.download ?? download,
    downloadShared: wholeReads(site.download ?? download),
    upload: site.upload ?? upload,
    bounds: {},
    readData: async () => {
      if (site.data instanceof FlError) throw site.data;
      return decodeDataset(site.data ?? dataFile(6));
    },
    trainer: site.trainer ?? (async () => trainer),
    log,
    nowMs: Date.now,
    takeColdStart: () => 1,
    peakRssMib: () => 1,
  };
  const handler = clientHandler(deps, {
    TASK_INVOKER: "queue@test.iam.gserviceaccount.com",
    COORDINATOR_URL: cloud.urls.coordinator,
    CLIENT_URL,
    CLIENT_DATA: "file:///unused",
    MEMORY_MIB: 2_048,
    LINK_ORIGIN: "https://storage.googleapis.com",
    MAX_TOPOLOGY_BYTES: 2 ** 25,
    TENSORS: "auto",
    TRAINER: "tensorflow",
    OIDC_CERTS_URL: cloud.certsUrl,
  });
  const body = { ...place };
  return handler({
    method: "POST",
    path: "/",
    query: {},
    headers: {
      authorization: `Bearer ${await cloud.token("queue@test.iam.gserviceaccount.com", CLIENT_URL)}`,
      "content-type": "application/json",
    },
    readBody: sentBody(body),
  });
}

type Place = { readonly runId: string; readonly round: number; readonly clientId: string };

const registered: string[] = [];

/** A run in its first round, in which these clients are invited and no other. */
async function invite(clientIds: readonly string[]): Promise<readonly Place[]> {
  for (const old of registered.splice(0)) await cloud.call("DELETE", `/v1/clients/${old}`);
  registered.push(...clientIds);
  await registerClients(cloud, clientIds);
  const { body } = await cloud.call("POST", "/v1/runs", {
    name: "Hostile",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: clientIds.length },
  });
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${body.runId}/rounds`);
  await eventually("the round", async () => cloud.store.get(refs.round(body.runId, 1)));
  return clientIds.map((clientId) => ({ runId: body.runId, round: 1, clientId }));
}

let invitations = 0;

/** The invocation of a client that is the only one invited. */
async function invited(): Promise<Place> {
  const [place] = await invite([`alone-${++invitations}`]);
  if (place === undefined) throw new Error("Nobody was invited.");
  return place;
}

async function invocationOf(place: Place): Promise<Invocation> {
  const invocation = await cloud.store.get(refs.invocation(place.runId, place.round, place.clientId));
  if (invocation === null) throw new Error("There is no such invocation.");
  return invocation;
}

/** A download in which one of the files is another. */
function swapped(what: "the topology" | "the model", file: (bytes: Uint8Array) => Uint8Array) {
  return async (link: Parameters<typeof download>[0], name: string): Promise<Uint8Array> => {
    const bytes = await download(link, name);
    return name === what ? file(bytes) : bytes;
  };
}

const text = (content: string) => () => new TextEncoder().encode(content);
const json = (value: unknown) => text(JSON.stringify(value));
const layer = (config: object, className = "Dense") => ({ class_name: className, config });
const sequential = (...layers: object[]) =>
  json({ model_config: { class_name: "Sequential", config: { name: "m", layers } } });
const dense = (options: object) =>
  layer({ name: "hidden", units: 8, batch_input_shape: [null, 4], ...options });

function changedModel(change: (tensors: Tensor[]) => Tensor[]): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const { tensors, metadata } = decodeSafetensors(bytes);
    return encodeSafetensors(change(tensors), metadata);
  };
}

const permanent: [string, Site, string, RegExp][] = [
  [
    "a topology that is not JSON",
    { download: swapped("the topology", text("<html>")) },
    "invalid-argument",
    /not JSON/,
  ],
  [
    "a topology that is not UTF-8",
    { download: swapped("the topology", () => Uint8Array.of(0xff, 0xfe)) },
    "invalid-argument",
    /not JSON in UTF-8/,
  ],
  [
    "a model.json without a model",
    { download: swapped("the topology", json({ format: "graph-model" })) },
    "invalid-argument",
    /no model_config .* Create the run anew/,
  ],
  [
    "a model without layers",
    { download: swapped("the topology", sequential()) },
    "invalid-argument",
    /model/,
  ],
  [
    "an unknown layer",
    { download: swapped("the topology", sequential(layer({ name: "x" }, "Teleport"))) },
    "invalid-argument",
    /^TensorFlow\.js cannot build the run's model\.$/,
  ],
  [
    "a layer whose options are of another kind",
    { download: swapped("the topology", sequential(dense({ units: "many" }))) },
    "invalid-argument",
    /cannot build the run's model/,
  ],
  [
    "another model than the weights are of",
    { download: swapped("the topology", sequential(dense({ units: 3, activation: "softmax" }))) },
    "invalid-argument",
    /^The model cannot be trained on the client's data\. The log of its function says more\.$/,
  ],
  [
    "truncated weights",
    { download: swapped("the model", (bytes) => bytes.slice(0, -4)) },
    "data-loss",
    /truncated/,
  ],
  ["invalid weights", { download: swapped("the model", text("none")) }, "data-loss", /truncated/],
  [
    "weights with a tensor missing",
    {
      download: swapped(
        "the model",
        changedModel((tensors) => tensors.slice(1)),
      ),
    },
    "invalid-argument",
    /not a safetensors file with the grant's parameters/,
  ],
  [
    "weights of another shape",
    {
      download: swapped(
        "the model",
        changedModel((tensors) => tensors.map((tensor) => ({ ...tensor, shape: [1, ...tensor.shape] }))),
      ),
    },
    "invalid-argument",
    /not a safetensors file with the grant's parameters/,
  ],
  [
    "no data set",
    { data: new FlError("failed-precondition", "The data set cannot be read.") },
    "failed-precondition",
    /^The client's data set is not there, or its function may not read it\. The log of its function says more\.$/,
  ],
  [
    "an invalid data set",
    { data: text("a,b\n1,2\n3,4\n5,6")() },
    "invalid-argument",
    /not a safetensors file, it seems to be text, such as CSV/,
  ],
  ["an empty file", { data: new Uint8Array(0) }, "data-loss", /truncated/],
  ["a data set without samples", { data: dataFile(0) }, "invalid-argument", /no samples/],
  ["samples without features", { data: dataFile(3, { features: 0 }) }, "invalid-argument", /no samples/],
  [
    "samples of another shape",
    { data: dataFile(3, { features: 5 }) },
    "invalid-argument",
    /samples x have the shape \[3, 5\], this model takes \[3, 4\]/,
  ],
  [
    "a label for every second sample only",
    {
      data: encodeSafetensors([
        floatTensor("x", [4, 4], new Float32Array(16)),
        floatTensor("y", [2], new Float32Array(2)),
      ]),
    },
    "invalid-argument",
    /4 samples, y 2 labels/,
  ],
  [
    "a label beyond the model's classes",
    { data: dataFile(3, { label: () => 3 }) },
    "invalid-argument",
    /labels y are not whole numbers in 0\.\.2, the model's classes; the first is in row 0/,
  ],
  [
    "a label that is not a class",
    { data: dataFile(3, { label: () => 0.5 }) },
    "invalid-argument",
    /3 of the labels y are not whole numbers/,
  ],
  [
    "samples that are not numbers",
    { data: dataFile(3, { value: Number.NaN }) },
    "invalid-argument",
    /data hold values that are not numbers: the tensor x has \d+ NaN of \d+, the first in row 0/,
  ],
  [
    "a divisor of nothing",
    { data: dataFile(3, { metadata: { divisor: "0" } }) },
    "invalid-argument",
    /divisor.*positive/,
  ],
  [
    "an update larger than its link takes",
    { upload: (link, _, what) => upload(link, [new Uint8Array(100_000)], what) },
    "too-large",
    /HTTP 400/,
  ],
  [
    "a defect of the trainer",
    { trainer: () => Promise.reject(new TypeError("/srv/secret/path is not a function")) },
    "internal",
    /^The client's function failed unexpectedly\. The log of its function says more\.$/,
  ],
];

const odd: [string, Uint8Array][] = [
  ["of one class", dataFile(6, { label: () => 1 })],
  ["of one sample", dataFile(1)],
  ["of one class that says so", dataFile(6, { label: () => 0, metadata: { classes: "1" } })],
  ["of equal samples", dataFile(6, { value: 0 })],
];

describe("a round of clients among broken things", () => {
  const places = new Map<string, Place>();
  const placeOf = (name: string): Place => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`${name} is not invited.`);
    return place;
  };

  beforeAll(async () => {
    const names = [...permanent, ...odd].map(([name]) => name);
    const invitees = await invite(names.map((_, index) => `site-${10 + index}`));
    for (const [index, place] of invitees.entries()) places.set(names[index] ?? "", place);
  });

  test.each(permanent)(
    "%s: no other try would succeed, so it is reported",
    async (name, site, code, message) => {
      const place = placeOf(name);
      expect(await deliver(place, site)).toEqual({ status: 200, body: { result: "failed" } });
      const invocation = await invocationOf(place);
      expect(invocation).toMatchObject({ status: "failed", failure: { code } });
      expect(invocation.failure?.message).toMatch(message);
      expect(logs.filter(({ severity }) => severity === "error")).toHaveLength(1);
    },
  );

  test.each(odd)("a data set %s trains", async (name, data) => {
    expect(await deliver(placeOf(name), { data })).toEqual({ status: 200, body: { result: "reported" } });
    const { update, training } = await invocationOf(placeOf(name));
    expect(update).not.toBeNull();
    expect(Number.isFinite(training?.lossAfter)).toBe(true);
  });

  test("goes on to a version of those that trained", async () => {
    const round = await eventually("the round being closed", async () => {
      const found = await cloud.store.get(refs.round(placeOf("of one class").runId, 1));
      return found?.followedUp === true ? found : null;
    });
    expect(round).toMatchObject({
      status: "closed",
      newVersion: 1,
      counts: { inTime: odd.length, failed: permanent.length, rejected: 0 },
    });
  });
});

describe("a claim that is refused", () => {
  const nothing = (answer: HttpResponse) => {
    expect(answer).toMatchObject({
      status: 200,
      body: { result: expect.stringMatching(/^nothing to do: /) },
    });
  };

  test("for who asks, or for what is not there, is the end of its task, and an error in the log", async () => {
    const place = await invited();
    nothing(await deliver(place, { as: "stranger@silo.iam.gserviceaccount.com" }));
    expect(logs).toEqual([{ severity: "error", message: "needs a person", code: "permission-denied" }]);
    nothing(await deliver({ ...place, round: 7 }));
    nothing(await deliver({ ...place, runId: "no-such-run" }));
    expect(logs).toMatchObject([{ severity: "error", code: "permission-denied" }]);
    expect((await invocationOf(place)).status).toBe("invoked");
  });

  test("because there is nothing left to do is not an error", async () => {
    const place = await invited();
    await cloud.call("POST", `/v1/runs/${place.runId}/cancel`);
    nothing(await deliver(place));
    expect(logs).toEqual([{ severity: "info", message: "nothing to do", code: "failed-precondition" }]);
  });

  test("because the coordinator does not know our identity keeps the task: people have to fix it", async () => {
    const place = await invited();
    const server = await serving((response) => response.writeHead(401).end("{}"));
    expect((await deliver(place, { coordinatorUrl: server.url })).status).toBe(503);
    expect(logs).toMatchObject([{ severity: "error", code: "unauthenticated" }]);
    await server.close();
  });
});

describe("a coordinator that answers anything", () => {
  const cases: [string, (response: ServerResponse) => void, string, unknown][] = [
    ["no answer", (response) => response.destroy(), "unavailable", "soon"],
    [
      "half an answer",
      (response) => response.writeHead(200, { "content-length": 9 }).write("{", () => response.destroy()),
      "unavailable",
      "soon",
    ],
    ["a page instead of a grant", (response) => response.writeHead(200).end("<html>"), "unavailable", "soon"],
    ["an invalid grant", (response) => response.writeHead(200).end('{"attempt":1}'), "unavailable", "soon"],
    ["an error without a body", (response) => response.writeHead(500).end(), "unavailable", "soon"],
    [
      "too many requests, in seconds",
      (response) => response.writeHead(429, { "retry-after": "7" }).end(),
      "unavailable",
      { afterMs: 7_000 },
    ],
    [
      "an invalid moment",
      (response) => response.writeHead(503, { "retry-after": "soon" }).end(),
      "unavailable",
      "soon",
    ],
    ["no such thing", (response) => response.writeHead(404).end("<html>"), "not-found", "never"],
    [
      "a refusal",
      (response) => response.writeHead(403).end('{"error":{"message":"No."}}'),
      "permission-denied",
      "never",
    ],
    ["a conflict", (response) => response.writeHead(409).end("[]"), "failed-precondition", "never"],
    ["a bad request", (response) => response.writeHead(400).end('{"error":7}'), "invalid-argument", "never"],
  ];

  test.each(cases)("%s", async (_, answer, code, retry) => {
    const server = await serving(answer);
    const coordinator = connectCoordinator(server.url, noTokens, 0);
    await expect(coordinator.claim(asked)).rejects.toMatchObject({ code, retry });
    await server.close();
  });

  test("is asked again for as long as it cannot answer, and no longer", async () => {
    let calls = 0;
    const server = await serving((response) => {
      calls++;
      if (calls === 1) response.writeHead(503).end();
      else if (calls === 2) response.destroy();
      else response.writeHead(409).end('{"error":{"message":"The round is over."}}');
    });
    const coordinator = connectCoordinator(server.url, noTokens, 20_000);
    const over = { code: "failed-precondition", message: "The round is over." };
    await expect(coordinator.claim(asked)).rejects.toMatchObject(over);
    expect(calls).toBe(3);
    await server.close();
  });

  test("that asks for a long wait is left to the queue", async () => {
    let calls = 0;
    const server = await serving((response) => {
      calls++;
      response.writeHead(503, { "retry-after": "60" }).end();
    });
    const coordinator = connectCoordinator(server.url, noTokens, 120_000);
    await expect(coordinator.claim(asked)).rejects.toMatchObject({ retry: { afterMs: 60_000 } });
    expect(calls).toBe(1);
    await server.close();
  });

  test.each<[string | null, unknown]>([
    [null, "soon"],
    ["", "soon"],
    ["0", { afterMs: 0 }],
    ["120", { afterMs: 120_000 }],
    ["Sun, 01 Mar 2026 12:00:30 GMT", { afterMs: 30_000 }],
    ["Sun, 01 Mar 2026 11:00:00 GMT", { afterMs: 0 }],
    ["tomorrow", "soon"],
    ["-5", expect.anything()],
    ["1e9", expect.anything()],
    ["99999999999999999999", { afterMs: 3_600_000 }],
    ["Fri, 31 Dec 9999 23:59:59 GMT", { afterMs: 3_600_000 }],
  ])("Retry-After: %s", (header, retry) => {
    const parsed = retryAfterHeader(header, NOW);
    expect(parsed).toEqual(retry);
    if (typeof parsed === "object") expect(Number.isFinite(parsed.afterMs) && parsed.afterMs >= 0).toBe(true);
  });
});

describe("a storage that answers anything", () => {
  test.each<[string, (response: ServerResponse) => void]>([
    ["nothing", (response) => response.destroy()],
    ["a link that is not accepted", (response) => response.writeHead(403).end("<Error/>")],
    [
      "an expired link",
      (response) => response.writeHead(400).end("<Error><Code>ExpiredToken</Code></Error>"),
    ],
    [
      "half an object",
      (response) => response.writeHead(200, { "content-length": 9 }).write("x", () => response.destroy()),
    ],
    ["an outage", (response) => response.writeHead(503).end()],
    [
      "a length that no memory has",
      (response) => response.writeHead(200, { "content-length": 1e15 }).write("x"),
    ],
    ["another place", (response) => response.writeHead(307, { location: "http://127.0.0.1:9/" }).end()],
    ["another protocol", ({ socket }) => socket?.end(`HTTP/1.1 101 Other\r\n${UPGRADE}\r\n\r\n`)],
    ["nothing, at length", ({ socket }) => socket?.end("HTTP/1.1 204 Nothing\r\ncontent-length: 9\r\n\r\n")],
  ])("%s: another try may help", async (_, answer) => {
    const server = await serving(answer);
    const place = await invited();
    const broken: Site = {
      download: (_link, what) => download({ url: server.url, headers: {} }, what, undefined, 0),
    };
    const { status, headers } = await deliver(place, broken);
    expect([status, headers?.["retry-after"]]).toEqual([503, "1"]);
    expect(await invocationOf(place)).toMatchObject({ status: "training", failure: null });
    await server.close();
  });

  test("a short outage is waited for, and what was half done is done again", async () => {
    const bodies: string[] = [];
    const server = createServer(async (request, response) => {
      bodies.push(await textOf(request));
      if (bodies.length === 1) response.writeHead(503).end();
      else if (bodies.length === 2)
        response.writeHead(200, { "content-length": 9 }).write("x", () => response.destroy());
      else if (bodies.length === 3) response.end("the model");
      else response.writeHead(bodies.length === 4 ? 500 : 412).end(); // Made, but its answer was lost.
    });
    const link = { url: `http://${await listen(server)}`, headers: {} };
    expect(Buffer.from(await download(link, "the model")).toString()).toBe("the model");
    const encoder = new TextEncoder();
    await upload(link, [encoder.encode("an "), new Uint8Array(), encoder.encode("update")], "the update");
    expect(bodies).toEqual(["", "", "", "an update", "an update"]);
    await close(server);
  });

  test("a success before all was sent does not count", async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.once("data", () => socket.pause().write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
      socket.on("error", () => undefined); // The client goes away.
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const link = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: {} };
    const sent = upload(link, [new Uint8Array(64 << 20)], "the update", 0);
    await expect(sent).rejects.toMatchObject({ code: "unavailable", retry: "soon" });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test("an upload whose answer was lost is not made twice", async () => {
    const place = await invited();
    const twice: ClientDeps["upload"] = async (link, parts, what) => {
      await upload(link, parts, what);
      await upload(link, [new Uint8Array(3)], what);
    };
    expect((await deliver(place, { upload: twice })).body).toEqual({ result: "reported" });
    await eventually("its update being folded", async () =>
      (await cloud.store.get(refs.round(place.runId, 1)))?.status === "closed" ? true : null,
    );
  });
});

test("objects that vanish from the bucket do not reach another client's", async () => {
  const place = await invited();
  const grant = Grant.parse((await claim(cloud, place)).body);
  const links = [grant.topology, grant.model].filter((link) => link !== undefined);
  expect(links).toHaveLength(2);
  for (const link of links) {
    const other = { ...link, url: link.url.replace(place.runId, "another-run") };
    await expect(download(other, "the model")).rejects.toMatchObject({ code: "unavailable" });
  }
  await cloud.objects.remove(topologyObject(place.runId));
  await cloud.objects.remove(modelObject(place.runId, 0));
  expect((await deliver(place)).status).toBe(503);
});

/** Any server in the place of the coordinator or the storage. */
async function serving(
  answer: (response: ServerResponse) => void,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((_, response) => answer(response));
  const address = await listen(server);
  return { url: `http://${address}`, close: () => close(server) };
}
