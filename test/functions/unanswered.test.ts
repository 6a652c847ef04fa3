// A client that never got to work, because nothing answers at its address or another account claims for it:
// the operator who looks at it reads why.
import { afterAll, beforeAll, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import { buildInvocation, buildRun, T0 } from "../support/builders.ts";
import type { TestCloud } from "../support/cloud.ts";
import { startPlainCloud } from "../support/midwayFederation.ts";
import { accountOf, claim, contribute, eventually, registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startPlainCloud();
  await registerClients(cloud, ["client-a"]);
  await cloud.store.transact("create-run", async (transaction) =>
    transaction.set(refs.run("run-1"), buildRun({ status: "paused", round: 3 })),
  );
});
afterAll(() => cloud.stop());

const warningOf = async () => (await cloud.call("GET", "/v1/clients/client-a")).body.unanswered;
const put = (round: number, more: object) =>
  cloud.store.transact("claim", async (transaction) =>
    transaction.set(
      refs.invocation("run-1", round, "client-a"),
      buildInvocation({ round, invokedAt: T0 + round, ...more }),
    ),
  );

test("is said while no invitation was answered, and no longer once one was", async () => {
  expect(await warningOf(), "never invited").toBeNull();
  await put(1, { status: "invoked" });
  expect(await warningOf(), "on its way").toBeNull();
  await put(1, { status: "missed" });
  await put(3, { status: "missed" });
  expect(await warningOf()).toMatch(
    /^None of its latest 2 invitations .* round 3 of run run-1: check that url/,
  );
  await put(2, { status: "failed", claimedAt: T0 + 5, attempt: 1 });
  expect(await warningOf(), "answered once").toBeNull();
});

test("an invocation that another account claims says which, until its client claims it", async () => {
  await registerClients(cloud, ["client-b"]);
  const created = await cloud.call("POST", "/v1/runs", {
    name: "Wrong account",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2 },
    stop: { rounds: 1 },
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  const place = (clientId: string) => ({ runId, round: 1, clientId });
  const stored = async (clientId: string) => cloud.store.get(refs.invocation(runId, 1, clientId));

  const refused = await claim(cloud, place("client-a"), accountOf("client-b"));
  expect(refused.status).toBe(403);
  expect(JSON.stringify(refused.body), "an outsider learns nothing").not.toContain(accountOf("client-a"));
  const { failure, status } = (await stored("client-a")) ?? {};
  expect(status).toBe("invoked");
  expect(failure?.message).toContain(`claim it as ${accountOf("client-b")} was refused`);
  expect(failure?.message).toContain(`registered with ${accountOf("client-a")}`);

  expect(await contribute(cloud, place("client-a"), { value: 1, samples: 1 })).toBe("reported");
  expect((await stored("client-a"))?.failure).toBeNull();
});

test("a client of a buffered run that went on, and whose calls ended, is noted at its own deadline", async () => {
  for (const clientId of ["north-a", "north-b"]) {
    const address = { url: "http://127.0.0.1:9/", serviceAccount: accountOf(clientId) };
    await cloud.call("POST", "/v1/clients", { clientId, ...address, labels: { site: "north" } });
  }
  const created = await cloud.call("POST", "/v1/runs", {
    name: "Goes on",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 2, clients: { labels: { site: "north" } } },
    round: { buffer: { size: 1 }, deadlineSeconds: 60, minUpdates: 1 },
    stop: { rounds: 5 },
  });
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  await cloud.call("POST", `/v1/runs/${runId}/start`);
  await eventually("the round", () => cloud.store.get(refs.round(runId, 1)));
  const place = (clientId: string) => ({ runId, round: 1, clientId });
  expect((await claim(cloud, place("north-b"))).status).toBe(200);
  expect(await contribute(cloud, place("north-a"), { value: 1, samples: 1 })).toBe("reported");
  await eventually("the next round", () => cloud.store.get(refs.round(runId, 2)));
  const silent = () => cloud.store.get(refs.invocation(runId, 1, "north-b"));
  expect(await silent()).toMatchObject({ status: "training", endedAt: null });

  cloud.advance(61_000);
  const ended = await eventually("its end", async () => {
    const invocation = await silent();
    return invocation?.endedAt == null ? null : invocation;
  });
  expect(ended.failure?.message).toMatch(/claimed, and its calls ended without a report/);
}, 60_000);
