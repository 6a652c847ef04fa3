// A run of two rounds on a test cloud, by scripted clients: what tests of its readers begin with.
import { refs } from "../../shared/core/ports/store.ts";
import type { TestCloud } from "./cloud.ts";
import { contribute, eventually } from "./scriptedClient.ts";

/**
 * Creates it, lets it run to its end, and returns its id. Each client of a cohort adds a number to each
 * weight.
 */
export async function trainTwoRounds(cloud: TestCloud, spec: object): Promise<string> {
  const created = await cloud.call("POST", "/v1/runs", spec);
  if (created.status !== 201) throw new Error(`no run: ${JSON.stringify(created.body)}`);
  const { runId } = created.body;
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
  );
  const started = await cloud.call("POST", `/v1/runs/${runId}/start`);
  if (started.status !== 200) throw new Error(`not started: ${JSON.stringify(started.body)}`);
  await contributeTwoRounds(cloud, runId);
  await eventually("the run's end", async () =>
    (await cloud.store.get(refs.run(runId)))?.status === "completed" ? true : null,
  );
  return runId;
}

/** Plays the clients of the first two rounds of a run as they open. */
export async function contributeTwoRounds(cloud: TestCloud, runId: string): Promise<void> {
  for (const round of [1, 2]) {
    const { cohort } = await eventually(`round ${round}`, () => cloud.store.get(refs.round(runId, round)));
    await Promise.all(
      cohort.map((clientId, i) =>
        contribute(cloud, { runId, round, clientId }, { value: 0.01 * (i + 1), samples: 10 }),
      ),
    );
    await eventually(`the end of round ${round}`, async () =>
      (await cloud.store.get(refs.round(runId, round)))?.followedUp === true ? true : null,
    );
  }
}
