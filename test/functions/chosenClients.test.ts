// A run that asks for clients with certain labels: who is invited, what follows when labels change between
// two rounds, and what an operator reads where no client has them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { TestCloud } from "../support/cloud.ts";
import { gathered } from "../support/gathered.ts";
import { startPlainCloud } from "../support/midwayFederation.ts";
import { accountOf, contribute, eventually } from "../support/scriptedClient.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startPlainCloud();
});
afterAll(() => cloud.stop());

async function register(clientId: string, labels: object): Promise<void> {
  const { status } = await cloud.call("POST", "/v1/clients", {
    ...{ clientId, url: "http://127.0.0.1:9/", serviceAccount: accountOf(clientId) },
    labels,
  });
  expect(status).toBe(201);
}

/** As an operator does it: a client is changed by registering it anew. */
async function relabel(clientId: string, labels: object): Promise<void> {
  expect((await cloud.call("DELETE", `/v1/clients/${clientId}`)).status).toBe(200);
  await register(clientId, labels);
}

const specOf = (labels: object, more: object = {}) => ({
  name: "chosen",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 10, clients: { labels }, ...more },
  stop: { rounds: 9 },
});

async function newRun(labels: object, more: object = {}): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", specOf(labels, more));
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.spec.selection.clients).toEqual({ labels });
  await eventually("the run being ready", async () =>
    (await runOf(body.runId)).status === "ready" ? true : null,
  );
  return body.runId;
}

async function runOf(runId: string): Promise<Run> {
  const run = await cloud.store.get(refs.run(runId));
  if (run === null) throw new Error("There is no such run.");
  return run;
}

/** The round, after all of its cohort have reported and the roster is folded. */
async function playRound(runId: string, round: number) {
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  const { cohort } = await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
  for (const clientId of cohort)
    await contribute(cloud, { runId, round, clientId }, { value: 1, samples: 10 });
  return eventually(`the end of round ${round}`, async () => {
    const found = await cloud.store.get(refs.round(runId, round));
    return found?.followedUp === true ? found : null;
  });
}

const pauseForClients = (runId: string) =>
  eventually("the reason", async () => (await runOf(runId)).statusReason);

const rosterOf = async (runId: string) =>
  (await gathered(cloud.store.rosterShards(runId))).flatMap(({ clients }) => Object.keys(clients)).toSorted();

describe.each(["random", "fedlesscan"])("under %s", (strategy) => {
  test("a run takes the clients that have its labels, as they are when a round opens", async () => {
    const site = `site-${strategy}`;
    const id = (name: string) => `${name}-${strategy}`;
    await register(id("a"), { site, scanner: "x" });
    await register(id("b"), { site, scanner: "y" });
    await register(id("c"), { site: site.toUpperCase(), scanner: "x" });
    await register(id("d"), {});
    const runId = await newRun({ site }, { strategy });
    const both = await newRun({ site, scanner: "x" }, { strategy });

    const first = await playRound(runId, 1);
    expect(first.cohort).toEqual([id("a"), id("b")]);
    expect(first.notChosen).toEqual([]);
    expect(first.consumed.map(({ clientId }) => clientId)).toEqual([id("a"), id("b")]);
    expect(await rosterOf(runId)).toEqual([id("a"), id("b")]);
    expect((await playRound(both, 1)).cohort).toEqual([id("a")]);

    await relabel(id("a"), { scanner: "x" });
    await relabel(id("d"), { site, scanner: "x" });
    const second = await playRound(runId, 2);
    expect(second.cohort).toEqual([id("b"), id("d")]);
    expect(second.notChosen).toEqual([]);
    expect(await rosterOf(runId)).toEqual([id("b"), id("d")]);
    expect((await playRound(both, 2)).cohort).toEqual([id("d")]);

    await relabel(id("a"), { site });
    expect((await playRound(runId, 3)).cohort).toEqual([id("a"), id("b"), id("d")]);
    // A client that is gone is gone, whatever its labels.
    await cloud.call("DELETE", `/v1/clients/${id("b")}`);
    expect((await playRound(runId, 4)).cohort).toEqual([id("a"), id("d")]);
  }, 60_000);
});

test("labels that no client has: the run says what it asks for and goes on once a client has them", async () => {
  await register("on-earth", { planet: "earth" });
  const runId = await newRun({ planet: "mars", site: "crater" });
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  expect(await pauseForClients(runId)).toMatch(
    /^0 of the 1 clients that a round needs .*register more clients, then resume\. The run takes clients with the labels planet=mars, site=crater only$/,
  );
  expect((await cloud.call("GET", `/v1/runs/${runId}`)).body).toMatchObject({
    status: "paused",
    round: 0,
    statusReason: expect.stringContaining("planet=mars"),
  });
  await register("on-mars", { planet: "mars", site: "crater" });
  expect((await cloud.call("POST", `/v1/runs/${runId}/resume`)).status).toBe(200);
  const round = await eventually("round 1", () => cloud.store.get(refs.round(runId, 1)));
  expect(round.cohort).toEqual(["on-mars"]);
});

test("the last client of a label loses it: the next round waits, and what was reported counts", async () => {
  await register("only-one", { ward: "7" });
  const runId = await newRun({ ward: "7" });
  expect((await playRound(runId, 1)).consumed).toHaveLength(1);
  await relabel("only-one", { ward: "8" });
  await cloud.call("POST", `/v1/runs/${runId}/rounds`);
  expect(await pauseForClients(runId)).toMatch(/with the label ward=7 only$/);
  expect(await runOf(runId)).toMatchObject({ round: 1, modelVersion: 1 });
});

describe("labels that are not labels", () => {
  const parsed = (json: string) => JSON.parse(json) as object;
  test.each<[string, unknown]>([
    ["a name of the language's own", parsed('{"__proto__": "x"}')],
    ["an empty name", { "": "x" }],
    ["a path", { "../x": "y" }],
    ["a leading slash", { "/x": "y" }],
    ["a space", { "a b": "y" }],
    ["a long name", { ["a".repeat(64)]: "y" }],
    ["a long value", { a: "y".repeat(64) }],
    ["a number", { a: 1 }],
    ["nothing", { a: null }],
    ["a list", ["a"]],
    ["a word", "a"],
    ["very many", Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, "x"]))],
  ])("%s: neither a run nor a client has it", async (_what, labels) => {
    // As JSON text, which is what keeps a key called __proto__.
    const json = JSON.stringify({ ...specOf({}), selection: "here" }).replace(
      '"here"',
      `{"strategy":"random","cohortSize":1,"clients":{"labels":${JSON.stringify(labels)}}}`,
    );
    const asked = await cloud.call("POST", "/v1/runs", json);
    expect(asked.status).toBe(400);
    expect(asked.body.error.problems[0].path).toMatch(/^selection\.clients\.labels/);
    const client = { clientId: "hostile", url: "http://127.0.0.1:9/", serviceAccount: accountOf("hostile") };
    const answer = await cloud.call(
      "POST",
      "/v1/clients",
      `${JSON.stringify(client).slice(0, -1)},"labels":${JSON.stringify(labels)}}`,
    );
    expect(answer.status).toBe(400);
    expect(answer.body.error.problems[0].path).toMatch(/^labels/);
  });

  test("names that every object has are names like any other", async () => {
    const runId = await newRun({ constructor: "x", toString: "" });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    expect(await pauseForClients(runId)).toContain("with the labels constructor=x, toString= only");
    await register("built", { constructor: "x", toString: "" });
    expect((await playRound(runId, 1)).cohort).toEqual(["built"]);
  });
});
