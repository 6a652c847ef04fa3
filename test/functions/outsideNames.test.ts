// A federation of clients that are called as JavaScript's objects call their own parts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import { ClientId } from "../../shared/core/schemas/ids.ts";
import type { TestCloud } from "../support/cloud.ts";
import { hostileNames } from "../support/hostileNames.ts";
import { startPlainCloud } from "../support/midwayFederation.ts";
import { accountOf, contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const names = hostileNames.filter((name) => ClientId.safeParse(name).success);

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startPlainCloud();
});
afterAll(() => cloud.stop());

test.each(hostileNames)("the label %s is kept or refused, never lost", async (name) => {
  const registration = { clientId: "labelled", url: "http://127.0.0.1:9/", serviceAccount: accountOf("x") };
  const labels = `{${JSON.stringify(name)}: "x"}`;
  const answer = await cloud.call(
    "POST",
    "/v1/clients",
    `${JSON.stringify(registration).slice(0, -1)}, "labels": ${labels}}`,
  );
  if (answer.status !== 201) {
    expect(answer.status).toBe(400);
    expect(answer.body.error.problems[0].path).toContain("labels");
    return;
  }
  expect(Object.entries(answer.body.labels)).toEqual([[name, "x"]]);
  const read = await cloud.call("GET", "/v1/clients/labelled");
  expect(Object.entries(read.body.labels)).toEqual([[name, "x"]]);
  await cloud.call("DELETE", "/v1/clients/labelled");
});

test.each(["random", "fedlesscan"])(
  "they train by %s like others",
  async (strategy) => {
    await registerClients(cloud, names);
    const created = await cloud.call("POST", "/v1/runs", {
      name: "constructor",
      model: { builtin: "tiny-mlp" },
      selection: { strategy, cohortSize: names.length },
      stop: { rounds: 2 },
    });
    const { runId } = created.body;
    await eventually(
      "ready",
      async () => (await cloud.store.get(refs.run(runId)))?.status === "ready" || null,
    );
    await cloud.call("POST", `/v1/runs/${runId}/start`);
    for (const round of [1, 2]) {
      const opened = await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
      expect(opened.cohort).toEqual(names.toSorted());
      await Promise.all(
        opened.cohort.map((clientId) =>
          contribute(cloud, { runId, round, clientId }, { value: 1, samples: 1 }),
        ),
      );
    }
    const run = await eventually("the end", async () => {
      const found = await cloud.store.get(refs.run(runId));
      return found?.status === "completed" ? found : null;
    });
    expect(run.totals).toMatchObject({ invoked: 2 * names.length, inTime: 2 * names.length });
  },
  60_000,
);
