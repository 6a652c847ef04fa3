// What an owner lets a coordinator ask of a client: links to the storage and nowhere else, and work within
// bounds.
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../functions/client/deps.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { download } from "../../functions/client/links.ts";
import { acceptableLink, checkBounds } from "../../functions/client/ownerRules.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import { refusalOf } from "../support/refusal.ts";

const GOOGLE = "https://storage.googleapis.com";
const env = {
  TASK_INVOKER: "queue@test.iam.gserviceaccount.com",
  COORDINATOR_URL: "https://coordinator.example.org",
  CLIENT_URL: "https://client.example.org",
  CLIENT_DATA: "file:///unused",
  MEMORY_MIB: "2048",
};

describe("a link", () => {
  const signed = {
    "content-type": "application/octet-stream",
    "x-goog-content-length-range": "0,4096",
    "x-goog-if-generation-match": "0",
  };

  it("to the storage, with the headers of a signed write, is accepted", () => {
    for (const headers of [{}, signed]) {
      const link = { url: `${GOOGLE}/bucket/runs/r/model.json?X-Goog-Signature=1`, headers };
      expect(acceptableLink(link, "the model", GOOGLE)).toBe(link);
    }
  });

  it.each([
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://storage.googleapis.com/bucket/o",
    "https://storage.googleapis.com:8443/bucket/o",
    "https://storage.googleapis.com.evil.example/o",
    "https://evil.example/storage.googleapis.com",
    "https://storage.googleapis.com@evil.example/o",
    "https://user:s3cret@storage.googleapis.com/o",
    "https://xstorage.googleapis.com/o",
    "file:///etc/passwd",
    "data:,x",
    "//storage.googleapis.com/o",
    "s3cret",
    "",
  ])("to %s is not", async (url) => {
    const error = await refusalOf(async () => acceptableLink({ url, headers: {} }, "the model", GOOGLE));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toMatch(
      /the link to the model does not lead to https:\/\/storage\.googleapis\.com, .*LINK_ORIGIN/,
    );
    expect(error.message).not.toMatch(/s3cret|evil|169|metadata/);
  });

  it.each<Record<string, string>>([
    { "Metadata-Flavor": "Google" },
    { authorization: "Bearer s3cret" },
    { host: "metadata.google.internal" },
    { "content-type": "s3cret/html" },
    { "x-goog-content-length-range": "0,1\r\nhost: s3cret" },
    { "x-goog-if-generation-match": "7" },
    { "x-goog-meta-note": "s3cret" },
    { constructor: "s3cret" },
    { "content-length": "1" },
  ])("with %j is not", async (headers) => {
    const link = { url: `${GOOGLE}/bucket/o`, headers: { ...signed, ...headers } };
    const error = await refusalOf(async () => acceptableLink(link, "the update", GOOGLE));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).not.toMatch(/s3cret|flavor|authorization|metadata/i);
  });
});

describe("a deployed client", () => {
  let seen = 0;
  let answer: (body: string) => { readonly headers: Record<string, string>; readonly body: string };
  const server = createServer((_, response) => {
    seen++;
    const { headers, body } = answer('{"access_token":"ya29.s3cret"}');
    response.writeHead(200, headers).end(body);
  });
  let elsewhere: string;
  beforeAll(async () => {
    elsewhere = `http://${await listen(server)}`;
  });
  afterAll(() => close(server));

  it("does not even ask another server", async () => {
    answer = (body) => ({ headers: {}, body });
    const deps = connect(ClientEnv.parse(env), 0);
    const link = { url: elsewhere, headers: { "metadata-flavor": "Google" } };
    await expect(deps.download(link, "the model")).rejects.toMatchObject({ retry: "never" });
    await expect(deps.upload(link, [], "the update")).rejects.toMatchObject({ retry: "never" });
    expect(seen).toBe(0);
  });

  it("reads from the storage that it is set to, and from the local cloud's", async () => {
    answer = (body) => ({ headers: {}, body });
    for (const setting of [{ LINK_ORIGIN: elsewhere }, { STORAGE_API_ENDPOINT: elsewhere }]) {
      const deps = connect(ClientEnv.parse({ ...env, ...setting }), 0);
      expect(await deps.download({ url: elsewhere, headers: {} }, "the model")).toHaveLength(30);
    }
  });

  it.each([
    ["that declares its size", true],
    ["that does not", false],
  ])("reads no object beyond its bound %s", async (_, isDeclared) => {
    const body = "x".repeat(100_000);
    answer = () => ({ headers: isDeclared ? { "content-length": `${body.length}` } : {}, body });
    const link = { url: elsewhere, headers: {} };
    expect(await download(link, "the topology", 100_000, 0)).toHaveLength(100_000);
    await expect(download(link, "the topology", 99_999, 0)).rejects.toMatchObject({
      code: "too-large",
      retry: "never",
      message: "The topology is larger than the 99999 bytes that this client takes.",
    });
  });

  it("has bounds by its environment, none but the topology's by itself", () => {
    expect(connect(ClientEnv.parse(env), 0).bounds).toEqual({ maxTopologyBytes: 2 ** 25 });
    const bounds = {
      MAX_EPOCHS: "3",
      MAX_BATCH_SIZE: "64",
      MAX_TOPOLOGY_BYTES: "1000",
      MAX_TRAIN_SECONDS: "60",
      MAX_LABEL_COUNTS: "10",
    };
    expect(connect(ClientEnv.parse({ ...env, ...bounds }), 0).bounds).toEqual({
      maxEpochs: 3,
      maxBatchSize: 64,
      maxTopologyBytes: 1_000,
      maxTrainMs: 60_000,
      maxLabelCounts: 10,
    });
    for (const name of Object.keys(bounds)) {
      expect(ClientEnv.safeParse({ ...env, [name]: "0" }).success, name).toBe(false);
      expect(ClientEnv.safeParse({ ...env, [name]: "many" }).success, name).toBe(false);
    }
  });
});

describe("checkBounds", () => {
  const training = TrainingOptions.parse({ localEpochs: 5, batchSize: 64 });

  it("is inclusive, and no bound where there is none", () => {
    expect(() => checkBounds({ training }, {})).not.toThrow();
    expect(() => checkBounds({ training }, { maxEpochs: 5, maxBatchSize: 64 })).not.toThrow();
  });

  it("says everything that is too much", () => {
    expect(() => checkBounds({ training }, { maxEpochs: 4, maxBatchSize: 63 })).toThrow(
      "This client's owner does not allow it: the run asks for 5 local epochs, at most 4 (MAX_EPOCHS), and for batches of 64, " +
        "at most 63 (MAX_BATCH_SIZE).",
    );
  });
});
