// The names that Keras gives to a model's weights, matched with those that a run has for them: by name, never
// by place, since Keras and TensorFlow.js have different orders.
import type { LayersTopology } from "../schemas/model.ts";
import { type Layer, layersOf, wrappedLayer } from "./topology.ts";

export interface NameMatch {
  /** A run's name of a parameter → the name in the file. */
  readonly found: ReadonlyMap<string, string>;
  /** Parameters that the file lacks. */
  readonly missing: readonly string[];
  /** Names in the file of no parameter of the model, or of one that another name is of. */
  readonly unknown: readonly string[];
}

/**
 * Finds each parameter of a model among the names of a file, which are a run's own, Keras' paths
 * (`sequential/lstm/lstm_cell/kernel`), or Keras' paths without the model's name.
 *
 * @param parameters by their names in a run
 */
export function matchNames(
  topology: LayersTopology,
  parameters: readonly string[],
  names: readonly string[],
): NameMatch {
  const found = new Map<string, string>();
  const unknown: string[] = [];
  const tails = tailsOf(topology, parameters);
  for (const name of names) {
    const path = `/${withoutCounts(name)}`;
    // Of the layer `dense` in the layer `steps`, /steps/dense/kernel: the longest is the one that is meant.
    const [best] = tails
      .filter(([tail]) => path.endsWith(`/${tail}`))
      .toSorted(([a], [b]) => b.length - a.length);
    if (best === undefined || found.has(best[1])) unknown.push(name);
    else found.set(best[1], name);
  }
  return { found, missing: parameters.filter((name) => !found.has(name)), unknown };
}

/** What the names of each parameter end in, with the parameter. */
function tailsOf(
  topology: LayersTopology,
  parameters: readonly string[],
): readonly (readonly [tail: string, parameter: string])[] {
  return [...kerasNames(topology, parameters)].flatMap(([parameter, keras]) =>
    [...new Set([parameter, keras])].map((tail) => [tail, parameter] as const),
  );
}

/**
 * The path that Keras 3 has for each parameter of a model, without the name of the model that Keras puts in
 * front of those of a Sequential. One of no layer that the topology names has its own name.
 *
 * @param parameters by their names in a run
 */
export function kerasNames(
  topology: LayersTopology,
  parameters: readonly string[],
): ReadonlyMap<string, string> {
  const scopes = new Map(layersOf(topology).flatMap(kerasScopes));
  return new Map(
    parameters.map((parameter) => {
      const cut = parameter.lastIndexOf("/");
      const keras = scopes.get(parameter.slice(0, cut));
      if (keras === undefined) return [parameter, parameter];
      const own = parameter.slice(cut + 1);
      const theirs = keras.className === "DepthwiseConv2D" && own === "depthwise_kernel" ? "kernel" : own;
      return [parameter, `${keras.scope}/${theirs}`];
    }),
  );
}

interface KerasScope {
  readonly className: string;
  readonly scope: string;
}

const CELLS: Readonly<Record<string, string>> = {
  SimpleRNN: "simple_rnn_cell",
  LSTM: "lstm_cell",
  GRU: "gru_cell",
};

/** The first parts of a run's names of a layer's parameters, each with what Keras has for it. */
function kerasScopes(layer: Layer): readonly (readonly [scope: string, keras: KerasScope])[] {
  const { name, className } = layer;
  const inner = wrappedLayer(layer);
  if (inner === undefined) return [[name, { className, scope: withCell(name, layer) }]];
  if (className === "Bidirectional") {
    return ["forward", "backward"].map((way) => {
      const scope = `${name}/${way}_${inner.name}`;
      return [scope, { className: inner.className, scope: withCell(scope, inner) }];
    });
  }
  return [[name, { className: inner.className, scope: `${name}/${inner.name}` }]];
}

function withCell(scope: string, { className }: Layer): string {
  return Object.hasOwn(CELLS, className) ? `${scope}/${CELLS[className]}` : scope;
}

/** Keras 2 counts cells (`lstm_cell_3`) and outputs (`kernel:0`). */
function withoutCounts(name: string): string {
  return name.replace(/:\d+$/, "").replace(/\/((?:simple_rnn|lstm|gru)_cell)_\d+\//, "/$1/");
}
