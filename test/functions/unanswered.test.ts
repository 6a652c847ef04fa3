// A client whose address was never answered at: the operator who looks at it is told.
import { afterAll, beforeAll, expect, test } from "vitest";
import { refs } from "../../shared/core/ports/store.ts";
import { buildInvocation, buildRun, T0 } from "../support/builders.ts";
import type { TestCloud } from "../support/cloud.ts";
import { startPlainCloud } from "../support/midwayFederation.ts";
import { registerClients } from "../support/scriptedClient.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startPlainCloud();
  await registerClients(cloud, ["client-a"]);
  await cloud.store.transact("create-run", async (transaction) =>
    transaction.set(refs.run("run-1"), buildRun({ status: "paused", round: 3 })),
  );
});
afterAll(() => cloud.stop());

const told = async () => (await cloud.call("GET", "/v1/clients/client-a")).body.unanswered;
const put = (round: number, more: object) =>
  cloud.store.transact("claim", async (transaction) =>
    transaction.set(
      refs.invocation("run-1", round, "client-a"),
      buildInvocation({ round, invokedAt: T0 + round, ...more }),
    ),
  );

test("is said while no invitation was answered, and no longer once one was", async () => {
  expect(await told(), "never invited").toBeNull();
  await put(1, { status: "invoked" });
  expect(await told(), "on its way").toBeNull();
  await put(1, { status: "missed" });
  await put(3, { status: "missed" });
  expect(await told()).toMatch(/^None of its latest 2 invitations .* round 3 of run run-1: check that url/);
  await put(2, { status: "failed", claimedAt: T0 + 5, attempt: 1 });
  expect(await told(), "answered once").toBeNull();
});
