// What leaves an owner's project when something fails there: nothing of the data, their files, their columns
// or what libraries and the owner's own code say of them. All of it is in the owner's own log.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connect } from "../../functions/client/deps.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { readEnv } from "../../shared/cloud/env.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { CheckReport } from "../../shared/core/schemas/checkCalls.ts";
import type { Grant, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../shared/core/updates/weights.ts";
import { buildSpec } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

/** Planted wherever an owner's text can be; numbers among them are values of data. */
const SECRET = "xqz-secret";
const VALUE = 987654;
const LEAKS = /xqz|987654|9\.87654/i;

const QUEUE = "queue@test.iam.gserviceaccount.com";
const CLIENT_URL = "https://client.example.org";
const spec = modelSpec("tiny-mlp");
const topology = toLayersTopology(spec);
const shapes = parameterShapes(spec);

let cloud: TestCloud;
let trainer: Trainer;
let folder: string;
let reports: (ReportRequest | CheckReport)[];
let logged: string;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: () => Promise.reject(new Error("nothing is scored here")),
    evaluationData: () => Promise.reject(new Error("nothing is scored here")),
  });
  trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  folder = mkdtempSync(join(tmpdir(), `${SECRET}-`));
});

afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  [reports, logged] = [[], ""];
});

const link = (name: string) => ({ url: name, headers: {}, expiresAt: Date.now() + 60_000 });
const training = buildSpec().training;
const grant: Grant = {
  attempt: 1,
  baseVersion: 0,
  training,
  encoding: "f32",
  seed: 1,
  parameters: [...shapes].map(({ name, shape }) => ({ name, shape: [...shape] })),
  deadlineAt: Date.now() + 60_000,
  onDeadline: "finish-late",
  topology: link("topology"),
  model: link("model"),
  update: link("update"),
};

interface Site {
  readonly data?: string;
  readonly features?: string;
  readonly readData?: () => Promise<Dataset | DataStream>;
  readonly trainer?: () => Promise<Trainer>;
  readonly env?: Readonly<Record<string, string>>;
}

/** The client function as deployed, but for the coordinator and the storage, which are played here. */
async function deliver(path: "/" | "/check", site: Site) {
  const address = (name: string) => pathToFileURL(join(folder, name)).href.replaceAll("%7B", "{");
  const env = readEnv(ClientEnv, {
    ...completeEnvironment,
    TASK_INVOKER: QUEUE,
    CLIENT_URL,
    CLIENT_DATA: address(site.data ?? "none.safetensors"),
    ...(site.features === undefined ? {} : { CLIENT_FEATURES: address(site.features) }),
    ...site.env,
    OIDC_CERTS_URL: cloud.certsUrl,
  });
  const write = (message: string, fields: object = {}) => {
    const texts = Object.values(fields).map((value) => (value instanceof Error ? fullText(value) : value));
    logged += `${message} ${JSON.stringify(texts)}\n`;
  };
  const log = { info: write, warn: write, error: write, with: () => log };
  const download = async ({ url }: { readonly url: string }) =>
    url === "topology"
      ? new TextEncoder().encode(JSON.stringify(topology))
      : encodeSafetensors(tensorsOf(initialWeights(topology, shapes, 1)));
  const deps = {
    ...connect(env, 0),
    coordinator: {
      claim: async () => grant,
      report: async (request: ReportRequest) => {
        reports.push(request);
        return { status: "failed", reason: null } as const;
      },
      claimCheck: async () => ({
        untilAt: Date.now() + 60_000,
        run: { ...grant, runId: "run-1" },
      }),
      reportCheck: async (request: CheckReport) => {
        reports.push(request);
        return { status: "taken" } as const;
      },
    },
    download,
    downloadShared: wholeReads(download),
    upload: async () => undefined,
    trainer: site.trainer ?? (async () => trainer),
    ...(site.readData === undefined ? {} : { readData: site.readData }),
    log,
  };
  const authorization = `Bearer ${await cloud.token(QUEUE, CLIENT_URL)}`;
  const headers = { authorization, "content-type": "application/json" };
  const body =
    path === "/" ? { runId: "run-1", round: 1, clientId: "clinic" } : { clientId: "clinic", number: 1 };
  return clientHandler(deps, env)({ method: "POST", path, query: {}, headers, readBody: sentBody(body) });
}

function fullText(error: Error): string {
  return `${error.message} ${error.cause instanceof Error ? fullText(error.cause) : ""}`;
}

const put = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
const features = (more: object) =>
  JSON.stringify({ kind: "table", inputs: [SECRET, "b", "c", "d"], target: "label", ...more });
const samples = (options: { x?: number[]; y?: number[]; metadata?: Record<string, string> }) =>
  encodeSafetensors(
    [
      floatTensor(
        "x",
        options.x ?? [4, 4],
        new Float32Array((options.x ?? [4, 4]).reduce((a, b) => a * b)).fill(VALUE),
      ),
      floatTensor("y", [4], Float32Array.from(options.y ?? [0, 1, 2, 0])),
    ],
    options.metadata ?? {},
  );

const broken: [string, string, () => Site][] = [
  ["a file that is not there", "no-data", () => ({ data: `${SECRET}.safetensors` })],
  ["a folder that is not there", "no-data", () => ({ data: `${SECRET}/`, features: "f.json" })],
  [
    "a features file that is no JSON",
    "bad-data",
    () => {
      put("f.json", `{"kind": ${SECRET}}`);
      put("rows.csv", "a,b\n1,2\n");
      return { data: "rows.csv", features: "f.json" };
    },
  ],
  [
    "a features file of wrong fields",
    "bad-data",
    () => {
      put("f.json", JSON.stringify({ kind: SECRET, [SECRET]: VALUE }));
      put("rows.csv", "a,b\n1,2\n");
      return { data: "rows.csv", features: "f.json" };
    },
  ],
  [
    "a column that is not there",
    "bad-data",
    () => {
      put("f.json", features({}));
      put("rows.csv", `a,b,${SECRET}2\n${VALUE},${SECRET},3\n`);
      return { data: "rows.csv", features: "f.json" };
    },
  ],
  [
    "rows that cannot be parsed",
    "bad-data",
    () => {
      put("f.json", features({}));
      put("rows.csv", `${SECRET},b,c,d,label\n${SECRET},"${SECRET}\n${VALUE},1,2,3,${SECRET}\n`);
      return { data: "rows.csv", features: "f.json" };
    },
  ],
  [
    "JSON lines that are no JSON",
    "bad-data",
    () => {
      put("f.json", features({}));
      put("rows.jsonl", `{"${SECRET}": ${SECRET}}\n[${VALUE}\n`);
      return { data: "rows.jsonl", features: "f.json" };
    },
  ],
  [
    "a Parquet file that is none",
    "bad-data",
    () => {
      put("f.json", features({}));
      put(`${SECRET}.parquet`, `PAR1${VALUE}${SECRET}\x05\0\0\0PAR1`);
      return { data: `${SECRET}.parquet`, features: "f.json" };
    },
  ],
  [
    "an npz file that is none",
    "bad-data",
    () => {
      put(`${SECRET}.npz`, `PK${SECRET}`);
      return { data: `${SECRET}.npz` };
    },
  ],
  [
    "an npz of other arrays",
    "bad-data",
    () => {
      put("f.json", JSON.stringify({ kind: "arrays", x: SECRET, y: "y" }));
      put(`${SECRET}.npy`, "x");
      return { data: `${SECRET}.npy`, features: "f.json" };
    },
  ],
  [
    "safetensors with other tensors",
    "bad-data",
    () => {
      put("o.safetensors", encodeSafetensors([floatTensor(SECRET, [1], Float32Array.of(VALUE))]));
      return { data: "o.safetensors" };
    },
  ],
  [
    "safetensors whose metadata are wrong",
    "bad-data",
    () => {
      put("m.safetensors", samples({ metadata: { divisor: SECRET } }));
      return { data: "m.safetensors" };
    },
  ],
  [
    "text in the place of safetensors",
    "bad-data",
    () => {
      put("t.safetensors", `${SECRET},${VALUE}\n`.repeat(50));
      return { data: "t.safetensors" };
    },
  ],
  [
    "samples of another shape",
    "data-misfit",
    () => {
      put("s.safetensors", samples({ x: [4, 5] }));
      return { data: "s.safetensors" };
    },
  ],
  [
    "labels beyond the classes",
    "data-misfit",
    () => {
      put("l.safetensors", samples({ y: [0, 1, VALUE, 0] }));
      return { data: "l.safetensors" };
    },
  ],
  [
    "a reader of the owner's that throws",
    "internal",
    () => ({ readData: () => Promise.reject(new TypeError(`row ${SECRET} has ${VALUE}`)) }),
  ],
  [
    "a reader of the owner's that throws one of ours",
    "bad-data",
    () => ({ readData: () => Promise.reject(new FlError("invalid-argument", `${SECRET} is ${VALUE}`)) }),
  ],
  [
    "a right that is missing",
    "no-data",
    () => ({
      readData: () =>
        Promise.reject(
          new FlError("failed-precondition", `gs://${SECRET}/a: HTTP 403`, { retry: "needs-a-person" }),
        ),
    }),
  ],
  [
    "a backend that does not load",
    "no-backend",
    () => {
      put("ok.safetensors", samples({}));
      const error = new FlError("failed-precondition", `dlopen of ${SECRET}`, { retry: "needs-a-person" });
      return { data: "ok.safetensors", trainer: () => Promise.reject(error) };
    },
  ],
  [
    "a library that quotes the data while it trains",
    "training-failed",
    () => {
      put("ok.safetensors", samples({}));
      const error = new FlError("invalid-argument", `indices[0] = ${VALUE} is not in [0, 3): ${SECRET}`);
      return {
        data: "ok.safetensors",
        trainer: async () => ({ ...trainer, train: () => Promise.reject(error) }),
      };
    },
  ],
  [
    "an owner's bound",
    "owner-refuses",
    () => {
      put("ok.safetensors", samples({}));
      return { data: "ok.safetensors", env: { MAX_BATCH_SIZE: "1" } };
    },
  ],
];

describe.each(broken)("%s", (_, reason, site) => {
  test.each(["/", "/check"] as const)("is told at %s by its reason and our words", async (path) => {
    const answer = await deliver(path, site());
    expect(answer.status).toBe(200);
    expect(reports).toHaveLength(1);
    const [report] = reports;
    const failures =
      report === undefined
        ? []
        : "result" in report
          ? [report.result]
          : report.problems.map((failure) => ({ failure }));
    expect(failures.map((one) => ("failure" in one ? one.failure.reason : null))).toEqual([reason]);
    for (const one of failures) {
      expect("failure" in one && one.failure.message.length).toBeGreaterThan(20);
    }
    expect(JSON.stringify(report)).not.toMatch(LEAKS);
    expect(JSON.stringify(answer)).not.toMatch(LEAKS);
  });
});

test("the owner's own log has what was not told", async () => {
  put("f.json", `{"kind": ${SECRET}}`);
  put("rows.csv", "a,b\n1,2\n");
  for (const path of ["/", "/check"] as const) {
    logged = "";
    await deliver(path, { data: "rows.csv", features: "f.json" });
    expect(logged, path).toContain(SECRET);
  }
});

test("what the queue is to repeat is answered without the owner's words, too", async () => {
  const busy = new FlError("unavailable", `The storage of gs://${SECRET}/x is busy.`);
  const answer = await deliver("/", { readData: () => Promise.reject(busy) });
  expect(answer.status).toBe(503);
  expect(JSON.stringify(answer)).not.toMatch(LEAKS);
  expect(reports).toEqual([]);
});

test("the place of the owner's log is told: whom to ask, and for which lines", async () => {
  const before = { ...process.env };
  Object.assign(process.env, { K_SERVICE: "clinic-client", K_REVISION: "clinic-client-00007" });
  try {
    await deliver("/", { data: "none.safetensors" });
  } finally {
    for (const name of ["K_SERVICE", "K_REVISION"]) delete process.env[name];
    Object.assign(process.env, before);
  }
  expect(reports[0]).toMatchObject({
    result: { failure: { log: { service: "clinic-client", revision: "clinic-client-00007" } } },
  });
});
