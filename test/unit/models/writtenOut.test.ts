// What TensorFlow.js is told of shapes: sizes that a Reshape leaves open, axes of a Concatenate: by hand.
import { expect, test } from "vitest";
import { writtenOut } from "../../../shared/core/models/writtenOut.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";
import { deepFreeze } from "../../support/builders.ts";

const layer = (className: string, name: string, config: object = {}) => ({
  class_name: className,
  config: { name, ...config },
});
const chain = (...layers: unknown[]): LayersTopology =>
  deepFreeze({ model_config: { class_name: "Sequential", config: { name: "m", layers } } });
const input = (...sizes: (number | null)[]) =>
  layer("InputLayer", "x", { batch_input_shape: [null, ...sizes] });

/** The targets in the JSON of a model, in order. */
function targetsOf(topology: LayersTopology): unknown[] {
  const found: unknown[] = [];
  JSON.stringify(writtenOut(topology), (key, value) => {
    if (key === "target_shape") found.push(value);
    return value;
  });
  return found;
}

test("is the size that is left, also in a model or a wrapper within the model", () => {
  const open = layer("Reshape", "r", { target_shape: [4, -1] });
  const within = chain(layer("Reshape", "s", { target_shape: [-1] })).model_config;
  expect(targetsOf(chain(input(2, 6), open, within))).toEqual([[4, 3], [12]]);
  const steps = layer("TimeDistributed", "t", { layer: layer("Reshape", "r", { target_shape: [-1, 2] }) });
  expect(targetsOf(chain(input(null, 2, 3), steps))).toEqual([[3, 2]]);
});

test("stays where it cannot be told, or is known already", () => {
  const open = layer("Reshape", "r", { target_shape: [-1, 2] });
  expect(targetsOf(chain(input(null, 2), open))).toEqual([[-1, 2]]);
  expect(targetsOf(chain(input(3, 2), layer("Mine", "m"), open))).toEqual([[-1, 2]]);
  expect(targetsOf(chain(input(3, 3), open)), "it does not fit").toEqual([[-1, 2]]);
  expect(targetsOf(chain(open)), "without an input").toEqual([[-1, 2]]);
  expect(targetsOf(chain(input(3, 2), layer("Reshape", "r", { target_shape: [2, 3] })))).toEqual([[2, 3]]);
});

test("stays where it differs from call to call", () => {
  const called = (entry: object, name: string, ...calls: readonly unknown[]) => ({
    ...entry,
    name,
    inbound_nodes: calls,
  });
  const graph = (units: number): LayersTopology => ({
    model_config: {
      class_name: "Functional",
      config: {
        name: "g",
        layers: [
          called(input(3, 4), "x"),
          called(layer("Dense", "d", { units }), "d", [["x", 0, 0, {}]]),
          called(layer("Reshape", "r", { target_shape: [-1] }), "r", [["x", 0, 0, {}]], [["d", 0, 0, {}]]),
          called(layer("Concatenate", "c"), "c", [
            ["r", 0, 0, {}],
            ["r", 1, 0, {}],
          ]),
        ],
        input_layers: [["x", 0, 0]],
        output_layers: [["c", 0, 0]],
      },
    },
  });
  expect(targetsOf(graph(2))).toEqual([[-1]]);
  expect(targetsOf(graph(4))).toEqual([[12]]);
});

test("an axis of a Concatenate from the end counts from the start, with the batch", () => {
  const axisOf = (axis: unknown, ...sizes: (number | null)[]) => {
    const joined = layer("Concatenate", "c", { axis });
    const topology = writtenOut(chain(input(...sizes), joined));
    const { layers } = topology.model_config["config"] as { layers: { config: { axis: unknown } }[] };
    return layers[1]?.config.axis;
  };
  expect(axisOf(-2, 5, 3)).toBe(1);
  expect(axisOf(-2, null, 3)).toBe(1);
  expect(axisOf(-3, 5, 3, 2)).toBe(1);
  expect(axisOf(-1, 5, 3)).toBe(-1);
  expect(axisOf(2, 5, 3)).toBe(2);
});
