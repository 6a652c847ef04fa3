// What a server step keeps between versions: its tensors, and the model moved by it.
import { type FlatLayout, flatLayout } from "../../updates/flat.ts";
import { elementCount } from "../../updates/safetensors.ts";
import { type ModelShape, orderWeights, sentParameters, type Weights } from "../../updates/weights.ts";
import { methodTensor } from "../training/methodTensors.ts";
import type { TrainingOptions } from "../training/options.ts";
import type { FoldedTier, ServerStep } from "./aggregationMethod.ts";
import type { Aggregate } from "./weightedSum.ts";

/** The names of the tensors that are kept. */
export function stateNames<Options>(
  { state }: Pick<ServerStep<Options>, "state">,
  options: Options,
): readonly string[] {
  return typeof state === "function" ? state(options) : state;
}

/** The tensors that are kept: one for each name of the step and trained parameter of the model. */
export function stateShape<Options>(
  server: Pick<ServerStep<Options>, "state">,
  model: ModelShape,
  options: Options,
): ModelShape {
  return stateNames(server, options).flatMap((name) =>
    trained(model).map((parameter) => ({ name: stateName(name, parameter.name), shape: parameter.shape })),
  );
}

/** What is kept before the first version. */
export function initialState<Options>(
  server: ServerStep<Options>,
  model: ModelShape,
  options: Options,
): Weights {
  return stateNames(server, options).flatMap((name) => {
    const value = server.initial?.(name, options) ?? 0;
    return trained(model).map(({ name: parameter, shape }) => ({
      name: stateName(name, parameter),
      shape,
      values: new Float32Array(elementCount(shape)).fill(value),
    }));
  });
}

/** A server's step, on what is kept with the base. */
export interface Moving<Options> {
  readonly step: ServerStep<Options>;
  readonly state: Weights;
  readonly options: Options;
  readonly training: TrainingOptions;
  /** The updates folded as a share of the run's clients; 1 where absent. */
  readonly share?: number;
  /** Names of what updates hold beside the deltas; nothing where absent. */
  readonly beside?: readonly string[];
  /** Of a run in tiers: which one the updates are of. */
  readonly tier?: FoldedTier | undefined;
}

/**
 * Moves `base` to the next weights, in place, and gives it in the model's order; `state` is moved as well.
 * Trained parameters step by the aggregate, or as the server step says; statistics become it; frozen ones
 * stay. Rounded to float32 once. O(parameters).
 *
 * @param transform of the aggregate of trained parameters, in place, before they step.
 */
export function moveModel<Options>(
  base: Weights,
  model: ModelShape,
  aggregate: Aggregate,
  server: Moving<Options> | null,
  layout: FlatLayout = flatLayout(model),
  transform: ((values: Float64Array) => void) | null = null,
): Weights {
  const ordered = orderWeights(base, model);
  const byName = new Map(ordered.map((weight) => [weight.name, weight.values]));
  const kept = new Map((server?.state ?? []).map(({ name, values }) => [name, values]));
  const segments = new Map(layout.segments.map((segment) => [segment.name, segment]));
  for (const segment of layout.segments) {
    const values = byName.get(segment.name);
    if (values === undefined) continue;
    if (segment.role === "statistic") {
      values.set(aggregate.of(segment, (i) => values[i] ?? 0));
      continue;
    }
    if (server === null && transform === null && aggregate.addTo !== undefined) {
      aggregate.addTo(segment, values);
      continue;
    }
    // Copies: what an aggregate gives may be used until the next is asked for.
    const beside = Object.fromEntries(
      (server?.beside ?? []).flatMap((name) => {
        const sent = segments.get(methodTensor(name, segment.name));
        return sent === undefined ? [] : [[name, aggregate.of(sent, () => 0).slice()]];
      }),
    );
    const delta = aggregate.of(segment, () => 0);
    const { step, keepsAggregate } = server?.step ?? {};
    if (keepsAggregate !== undefined) kept.get(stateName(keepsAggregate, segment.name))?.set(delta);
    transform?.(delta);
    if (server === null || step === undefined) {
      for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + (delta[i] ?? 0);
      continue;
    }
    const state = Object.fromEntries(
      stateNames(server.step, server.options).map((name) => [
        name,
        kept.get(stateName(name, segment.name)) ?? new Float32Array(values.length),
      ]),
    );
    const { share = 1, tier } = server;
    const slice = { base: values, delta, state, beside, share, ...(tier === undefined ? {} : { tier }) };
    step(slice, server.options, server.training);
  }
  return ordered;
}

function trained(model: ModelShape): ModelShape {
  return sentParameters(model).filter(({ role }) => role !== "statistic");
}

/** The name of what is kept of a parameter. */
export function stateName(name: string, parameter: string): string {
  return `${name}/${parameter}`;
}
