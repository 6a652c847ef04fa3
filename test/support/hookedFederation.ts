// A federation by plain numbers: gradient steps on one parameter, `w`, with the hooks of a training method,
// folded by any aggregation as the aggregator folds.
import { methodState } from "../../shared/core/methods/training/clientState.ts";
import { pickedFrom } from "../../shared/core/methods/training/methodTensors.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { TensorMath } from "../../shared/core/methods/training/tensorMath.ts";
import type { TrainedFor, TrainingHooks } from "../../shared/core/methods/training/trainingMethod.ts";
import { hooksOf } from "../../shared/core/methods/training/trainingOf.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { fold } from "./folding.ts";

export interface FederationTask {
  readonly start: Float32Array;
  /** Of a client's own loss, in each step of a round; 1 is the first. */
  readonly gradient: (
    client: number,
    weights: Float64Array,
    at: { readonly round: number; readonly step: number },
  ) => Float64Array;
  /** Of each client; 1 where absent. */
  readonly samples?: number;
  /** Local steps of a round. */
  readonly steps: number;
  readonly learningRate: number;
  readonly aggregation: Record<string, unknown>;
  /** Plain training where absent. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Of the run. */
  readonly clients: number;
  /** The clients of each round. */
  readonly cohorts: readonly (readonly number[])[];
  readonly seed?: number;
  /**
   * What goes wrong with a client's part in a round: the update that it brings is lost, or comes a round
   * late; or what it has kept is lost before.
   */
  readonly mishap?: (client: number, round: number) => "update" | "state" | "late" | null;
  /** What a client sends in the place of its own delta. */
  readonly sent?: (
    own: Float32Array,
    about: {
      readonly client: number;
      readonly round: number;
      readonly all: ReadonlyMap<number, Float32Array>;
    },
  ) => Float32Array;
}

export interface Federated {
  /** Of each round. */
  readonly versions: readonly Float32Array[];
  /** What the aggregation keeps beside the last one. */
  readonly state: Weights | null;
  /** What the training method keeps for each client, as it has last trained. */
  readonly kept: ReadonlyMap<number, Weights>;
}

export async function federate(task: FederationTask): Promise<Federated> {
  const { clients, steps, learningRate, mishap = () => null, sent = (own) => own, seed = 1 } = task;
  const training = { optimizer: { name: "sgd", learningRate }, ...task.training };
  const hooks = hooksOf(TrainingOptions.parse(training));
  const shape = [task.start.length];
  const named = (tensors: ReadonlyMap<string, Float32Array>): Weights =>
    [...tensors].map(([name, values]) => ({ name: `${name}/w`, shape, values }));
  const versions: Float32Array[] = [];
  const kept = new Map<number, Weights>();
  let base = task.start;
  let state: Weights | null = null;
  let late: readonly { readonly delta: Weights; readonly staleness: number }[] = [];
  for (const [i, cohort] of task.cohorts.entries()) {
    const round = i + 1;
    const trained = cohort
      .toSorted((a, b) => a - b)
      .map((client) => {
        if (mishap(client, round) === "state") kept.delete(client);
        const done = hookedSteps({
          start: base,
          gradient: (weights, step) => task.gradient(client, weights, { round, step }),
          steps,
          learningRate,
          hooks,
          kept: methodState(kept.get(client) ?? null, hooks, [{ name: "w", shape }]),
          got: state,
        });
        kept.set(client, named(done.keeps));
        return { client, own: done.outcome.map((value, k) => value - (base[k] ?? 0)), sends: done.sends };
      });
    const all = new Map(trained.map(({ client, own }) => [client, own]));
    const updates = trained.map(({ client, own, sends }) => ({
      fate: mishap(client, round),
      delta: [{ name: "w", shape, values: sent(own, { client, round, all }) }, ...named(sends)],
    }));
    const inTime = updates.filter(({ fate }) => fate !== "update" && fate !== "late");
    const folded = await fold({
      aggregation: task.aggregation,
      training,
      clients,
      model: [{ name: "w", shape }],
      base: [{ name: "w", shape, values: base }],
      updates: [...inTime, ...late].map((update) => ({ ...update, samples: task.samples ?? 1 })),
      state,
      seed,
      round,
    });
    late = updates.filter(({ fate }) => fate === "late").map(({ delta }) => ({ delta, staleness: 1 }));
    base = Float32Array.from(folded.weights[0]?.values ?? []);
    state = folded.state;
    versions.push(base);
  }
  return { versions, state, kept };
}

type Operand = Float64Array | number;

const at = (operand: Operand, i: number): number =>
  typeof operand === "number" ? operand : (operand[operand.length === 1 ? 0 : i] ?? Number.NaN);

function elementwise(of: (x: number, y: number) => number) {
  return (a: Operand, b: Operand): Float64Array => {
    const length = Math.max(...[a, b].map((one) => (typeof one === "number" ? 1 : one.length)));
    return Float64Array.from({ length }, (_, i) => of(at(a, i), at(b, i)));
  };
}

const arrayMath: TensorMath<Float64Array> = {
  add: elementwise((x, y) => x + y),
  sub: elementwise((x, y) => x - y),
  mul: elementwise((x, y) => x * y),
  div: elementwise((x, y) => x / y),
  square: (a) => a.map((x) => x * x),
  sqrt: (a) => a.map(Math.sqrt),
  sum: (a) => Float64Array.of(a.reduce((sum, x) => sum + x, 0)),
};

interface HookedTask {
  readonly start: Float32Array;
  readonly gradient: (weights: Float64Array, step: number) => Float64Array;
  readonly steps: number;
  readonly learningRate: number;
  readonly hooks: TrainingHooks;
  /** In the shape of the method's state. */
  readonly kept: Weights;
  /** What the aggregation keeps beside the version; null where it keeps nothing yet. */
  readonly got: Weights | null;
}

interface HookedSteps {
  /** What the update is made of. */
  readonly outcome: Float32Array;
  /** By name. */
  readonly keeps: ReadonlyMap<string, Float32Array>;
  readonly sends: ReadonlyMap<string, Float32Array>;
}

/** As the trainer's, with a loss whose gradient is given. */
function hookedSteps({ start, gradient, steps, learningRate, hooks, kept, got }: HookedTask): HookedSteps {
  const from = Float64Array.from(start);
  let value: Float64Array = from.slice();
  const shape = [{ name: "w", shape: [start.length] }];
  const tensorsOf = (names: readonly string[] | undefined, tensors: Weights | null) =>
    new Map(
      (names ?? []).map((name) => {
        const [found] = pickedFrom(
          tensors,
          shape.map((one) => ({ ...one, name: `${name}/w` })),
        );
        return [name, Float64Array.from(found?.values ?? [])];
      }),
    );
  const [keeps, gets] = [tensorsOf(hooks.keeps, kept), tensorsOf(hooks.gets, got)];
  const read = (tensors: ReadonlyMap<string, Float64Array>) => (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`There is no tensor ${name}.`);
    return tensor;
  };
  const variable = () => ({ name: "w", value, start: () => from, kept: read(keeps), got: read(gets) });
  for (let step = 1; step <= steps; step++) {
    const own = gradient(value, step);
    const taken = hooks.gradient?.<Float64Array>(arrayMath, { ...variable(), gradient: own }) ?? own;
    value = arrayMath.sub(value, arrayMath.mul(taken, learningRate));
  }
  const isFirst = kept.every(({ values }) => values.every((one) => one === 0));
  const after: TrainedFor<Float64Array> = { ...variable(), steps, learningRate, isFirst };
  const rounded = (made: Readonly<Record<string, Float64Array>> | undefined) =>
    Object.entries(made ?? {}).map(([name, values]): [string, Float32Array] => [
      name,
      Float32Array.from(values),
    ]);
  const next = new Map(rounded(hooks.keep?.<Float64Array>(arrayMath, after)));
  return {
    keeps: new Map([...keeps].map(([name, values]) => [name, next.get(name) ?? Float32Array.from(values)])),
    sends: new Map(rounded(hooks.send?.<Float64Array>(arrayMath, after))),
    outcome: Float32Array.from(hooks.outcome?.<Float64Array>(arrayMath, after) ?? value),
  };
}
