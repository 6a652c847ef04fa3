// What the product's commands are tried on: the api's own function on the local cloud, with clients and runs.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../../shared/core/models/parameterShapes.ts";
import { refs, type Store } from "../../../shared/core/ports/store.ts";
import type { Trainer } from "../../../shared/core/ports/trainer.ts";
import { startTestCloud, type TestCloud } from "../../support/cloud.ts";
import { type Ran, runHere, type Surroundings } from "../../support/commandLine.ts";
import { eventually } from "../../support/scriptedClient.ts";

export const CLIENTS = ["clinic-a", "clinic-b", "clinic-c", "clinic-d"];
export const SPEC = {
  name: "Commands",
  model: { builtin: "tiny-mlp" },
  selection: { strategy: "random", cohortSize: 4 },
  stop: { rounds: 2 },
};

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("tiny-mlp")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({ accuracy: 0.5, loss: 1.25, metrics: {}, details: null, samples: 8 }),
};

export interface Stage {
  readonly cloud: TestCloud;
  readonly folder: string;
  /** Lets the api's database fail, as it does where it is overloaded. */
  setDown(isDown: boolean): void;
  /** Runs a command as the operator, or as somebody else. */
  run(words: readonly string[], around?: Partial<Surroundings>): Promise<Ran>;
  /** A new run that is ready. */
  newRun(spec?: object): Promise<string>;
  stop(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  let isDown = false;
  const folder = await mkdtemp(join(tmpdir(), "commands-"));
  const cloud = await startTestCloud({
    trainer: async () => scorer,
    evaluationData: async () => ({
      x: { shape: [1, 4], values: new Float32Array(4) },
      y: { shape: [1], values: new Float32Array(1) },
    }),
    watched: (store) => failing(store, () => isDown),
  });
  return {
    cloud,
    folder,
    setDown: (down) => {
      isDown = down;
    },
    run: async (words, around = {}) => {
      const env = {
        FEDSTRATUS_API: cloud.urls.api,
        FEDSTRATUS_TOKEN: await cloud.token("operator", cloud.urls.api),
        ...around.env,
      };
      return runHere(words, { folder, ...around, env });
    },
    newRun: async (spec = SPEC) => {
      const { status, body } = await cloud.call("POST", "/v1/runs", spec);
      if (status !== 201) throw new Error(`no run: ${JSON.stringify(body)}`);
      await eventually("the run being ready", async () =>
        (await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null,
      );
      return body.runId;
    },
    stop: async () => {
      await cloud.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function failing(store: Store, isDown: () => boolean): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (isDown()) throw new FlError("unavailable", "The database is too busy.");
        return value.apply(target, args);
      };
    },
  });
}
