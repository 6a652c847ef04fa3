// A client that is called ahead of its round: it loads everything, and its cold start is not the round's any
// more.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { createTestTrainer } from "../../shared/cloud/tensors/testTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { Handler, HttpResponse } from "../../shared/http/message.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { sentBody } from "../support/sentBody.ts";
import { wholeReads } from "../support/wholeReads.ts";

const CLIENT_URL = "https://clinic.example.org";
const QUEUE = "queue@test.iam.gserviceaccount.com";
const task = { runId: "run-1", round: 2, clientId: "clinic" };

let cloud: TestCloud;
let handler: Handler;
let loaded: number;
/** Whether each claim was said to follow a cold start. */
let claims: boolean[];
let loading: Error | null;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: () => Promise.reject(new Error("nothing is scored here")),
    evaluationData: () => Promise.reject(new Error("nothing is scored here")),
  });
});

afterAll(() => cloud.stop());

beforeEach(() => {
  [loaded, claims, loading] = [0, [], null];
  let cold: number | null = 700;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const deps = {
    coordinator: {
      claim: async ({ coldStart }: { coldStart: boolean }) => {
        claims.push(coldStart);
        throw new FlError("failed-precondition", "The round is over.");
      },
      report: () => Promise.reject(new Error("nothing is reported here")),
      claimCheck: () => Promise.reject(new Error("nothing is checked here")),
      reportCheck: () => Promise.reject(new Error("nothing is checked here")),
    },
    download,
    downloadShared: wholeReads(download),
    upload,
    bounds: {},
    readData: () => Promise.reject(new Error("nothing is read here")),
    trainer: async () => {
      loaded += 1;
      if (loading !== null) throw loading;
      return createTestTrainer({ durationMs: () => 0 });
    },
    log,
    nowMs: Date.now,
    takeColdStart: () => {
      const taken = cold;
      cold = null;
      return taken;
    },
    peakRssMib: () => 1,
  };
  handler = clientHandler(deps, {
    TASK_INVOKER: QUEUE,
    COORDINATOR_URL: cloud.urls.coordinator,
    CLIENT_URL,
    CLIENT_DATA: "file:///unused",
    MEMORY_MIB: 2_048,
    LINK_ORIGIN: "https://storage.googleapis.com",
    MAX_TOPOLOGY_BYTES: 2 ** 25,
    TENSORS: "auto",
    TRAINER: "test",
    OIDC_CERTS_URL: cloud.certsUrl,
  });
});

async function call(path: string, as = QUEUE, body: object = task): Promise<HttpResponse> {
  const authorization = `Bearer ${await cloud.token(as, CLIENT_URL)}`;
  const headers = { authorization, "content-type": "application/json" };
  return handler({ method: "POST", path, query: {}, headers, readBody: sentBody(body) });
}

test("it loads its trainer, asks for no work, and is warm from then on", async () => {
  expect(await call("/warm")).toMatchObject({ status: 200, body: { result: "it is warm" } });
  expect(loaded).toBe(1);
  expect(claims).toEqual([]);
  expect(await call("/warm")).toMatchObject({ status: 200, body: { result: "it was warm" } });
  await call("/");
  expect(claims).toEqual([false]);
});

test("a client not called ahead starts cold", async () => {
  await call("/");
  expect(claims).toEqual([true]);
});

test("only the task queue may call it", async () => {
  expect((await call("/warm", "someone@silo.iam.gserviceaccount.com")).status).toBe(403);
  expect(loaded).toBe(0);
});

test("a library that does not load is not tried for ever: the queue retries what may succeed later", async () => {
  loading = new FlError("unavailable", "TensorFlow is not there yet.");
  expect((await call("/warm")).status).toBe(503);
  await call("/");
  expect(claims, "it is cold as before").toEqual([true]);
  loading = new FlError("failed-precondition", "There is no TensorFlow.");
  expect((await call("/warm")).status).toBe(200);
});
