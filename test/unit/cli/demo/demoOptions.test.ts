// Options of the demo that do not go together.
import { expect, test } from "vitest";
import { checkDemoOptions, type DemoOptions } from "../../../../infra/cli/demo/demoOptions.ts";

const one: DemoOptions = {
  strategy: ["random"],
  rounds: 1,
  clients: 2,
  cohort: 1,
  seed: 7,
  keep: false,
  ownFunctions: false,
  firestore: "embedded",
  result: { option: "--out", isPrinted: false },
};
const several: DemoOptions = { ...one, strategy: ["random", "fedlesscan"] };

test("one strategy goes with everything, several with nothing that stays", () => {
  expect(() => checkDemoOptions({ ...one, keep: true, data: "somewhere" })).not.toThrow();
  expect(() => checkDemoOptions(several)).not.toThrow();
  expect(() => checkDemoOptions({ ...several, keep: true })).toThrow("--keep and --data");
  expect(() => checkDemoOptions({ ...several, data: "somewhere" })).toThrow("--keep and --data");
});
