// One run of real processes in which each function is killed once, where it is about to make something
// durable: the run ends as if nothing had happened. What disturbed.test.ts does at every point and with every
// fault, once and quickly.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { STEPS, Step } from "../../shared/core/steps.ts";
import { type DisturbedStage, openDisturbed } from "../support/disturb/disturbed.ts";
import { SCENARIOS } from "../support/disturb/scenarios.ts";

/** Where each function is killed. */
const KILLED: Readonly<Record<keyof typeof STEPS, Step>> = {
  api: "create-run",
  coordinator: "claim",
  client: "call report",
  aggregator: "publish",
  evaluator: "record-score",
};
const POINTS = Object.entries(KILLED).map(([name, step]) => `${name} before ${step}`);

let opened: DisturbedStage;

beforeAll(async () => {
  opened = await openDisturbed();
});

afterAll(() => opened?.close());

test("a run whose every function is killed once ends as one that nothing disturbs", async () => {
  const { desk, stage } = opened;
  const undisturbed = await SCENARIOS.ordinary(stage, "undisturbed-00000001");
  expect(undisturbed).toMatchObject({ run: { status: "completed", modelVersion: 2 } });
  for (const point of POINTS) await desk.arm(point, ["kill"]);
  expect(await SCENARIOS.ordinary(stage, "killed-00000001")).toEqual(undisturbed);
  expect((await desk.struck()).toSorted()).toEqual(POINTS.map((point) => `${point} "kill"`).toSorted());
  expect(await desk.trouble()).toEqual([]);
});
