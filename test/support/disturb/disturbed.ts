// A stage on which functions' processes are struck where a test says so, and how the points are named.
import { resolve } from "node:path";
import type { FunctionName } from "../../../shared/core/protocol/tasks.ts";
import type { Step } from "../../../shared/core/steps.ts";
import { Desk } from "./desk.ts";
import type { Stage } from "./scenarios.ts";
import { openStage } from "./stage.ts";

export interface DisturbedStage {
  readonly desk: Desk;
  readonly stage: Stage;
  close(): Promise<void>;
}

/** @param clients those that a function answers for; the scenarios' own where absent. */
export async function openDisturbed(clients?: readonly string[]): Promise<DisturbedStage> {
  const desk = await Desk.open();
  const opened = await openStage({
    ...(clients === undefined ? {} : { clients }),
    functionEnv: { DISTURB_DIR: desk.dir },
    functionExecArgv: ["--import", resolve(import.meta.dirname, "agent.ts")],
  }).catch(async (error: unknown) => {
    await desk.close();
    throw error;
  });
  desk.serve(opened.stage.box);
  return {
    desk,
    stage: opened.stage,
    close: async () => {
      await opened.close();
      await desk.close();
    },
  };
}

export type StepsOf = Readonly<Partial<Record<FunctionName, readonly Step[]>>>;

/** Before and after each of these steps of functions, such as `coordinator before claim`. */
export function pointsOf(steps: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(steps).flatMap(([name, some]) =>
    some.flatMap((step) => [`${name} before ${step}`, `${name} after ${step}`]),
  );
}
