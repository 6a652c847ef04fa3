// A run of parameters alone, of real processes of which each function is killed where it is about to make
// something durable, or just has: the run ends as if nothing had happened, as one with layers does.
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Desk } from "../support/disturb/desk.ts";
import { type Stage, withoutTopology } from "../support/disturb/scenarios.ts";
import { type OpenStage, openStage } from "../support/disturb/stage.ts";

/** Each is struck once. */
const POINTS = [
  "api after write-source",
  "evaluator after write-model",
  "coordinator before open-round",
  "coordinator after claim",
  "client after upload",
  "aggregator before write-state",
  "aggregator before publish",
  "aggregator after publish",
];

let desk: Desk;
let stage: Stage;
let opened: OpenStage | undefined;

beforeAll(async () => {
  desk = await Desk.open();
  const root = resolve(import.meta.dirname, "../..");
  opened = await openStage(
    {
      functionEnv: { DISTURB_DIR: desk.dir },
      functionExecArgv: ["--import", resolve(root, "test/support/disturb/agent.ts")],
    },
    { trainer: resolve(root, "examples/own-code/trainer.ts") },
  );
  stage = opened.stage;
  desk.serve(stage.box);
});

afterAll(async () => {
  await opened?.close();
  await desk.close();
});

test("a run of parameters alone ends the same, whichever function is killed on the way", async () => {
  const undisturbed = await withoutTopology(stage, "undisturbed-00000001");
  expect(undisturbed).toMatchObject({ run: { status: "completed", modelVersion: 2, accuracy: null } });
  expect(new Set(undisturbed.versions).size).toBe(3);
  for (const point of POINTS) await desk.arm(point, ["kill"]);
  expect(await withoutTopology(stage, "killed-00000001")).toEqual(undisturbed);
  expect((await desk.struck()).toSorted()).toEqual(POINTS.map((point) => `${point} "kill"`).toSorted());
  expect(await desk.trouble()).toEqual([]);
}, 300_000);
