// Masks among the operations of a graph of Keras 3: left out where they follow from the layers, kept where
// they say something else.
import { describe, expect, test } from "vitest";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { plainGraph } from "../../../shared/core/models/plainGraph.ts";

type Config = Readonly<Record<string, unknown>>;

const tensor = (name: string) => ({
  class_name: "__keras_tensor__",
  config: { keras_history: [name, 0, 0] },
});
const entry = (
  className: string,
  name: string,
  args: readonly unknown[],
  config: Config = {},
  kwargs: Config = {},
) => ({
  module: "keras.layers",
  class_name: className,
  name,
  config: { name, ...config },
  inbound_nodes: args.length === 0 ? [] : [{ args, kwargs }],
});
const operation = (className: string, name: string, args: readonly unknown[]) => ({
  ...entry(className, name, args),
  module: "keras.src.ops.numpy",
});

const tokens = entry("InputLayer", "x", [], { batch_shape: [null, 4] });
const embedding = entry("Embedding", "e", [tensor("x")], { input_dim: 5, output_dim: 2, mask_zero: true });
const recurrent = (mask: unknown) =>
  entry("LSTM", "l", [tensor("e")], { units: 2 }, { mask, training: false });

function graphOf(...layers: readonly object[]) {
  const config = { layers, input_layers: ["x", 0, 0], output_layers: { out: ["l", 0, 0] } };
  return { model_config: { class_name: "Functional", config } };
}
const namesOf = (topology: ReturnType<typeof plainGraph>) =>
  (topology.model_config["config"] as { layers: { name: string }[] }).layers.map(({ name }) => name);

describe("the operations of a mask", () => {
  test("are left out where an Embedding masks the same tokens", () => {
    const graph = graphOf(
      tokens,
      operation("NotEqual", "ne", [tensor("x"), 0]),
      embedding,
      recurrent(tensor("ne")),
    );
    const before = structuredClone(graph);
    const plain = plainGraph(graph);
    expect(namesOf(plain)).toEqual(["x", "e", "l"]);
    expect(modelProblems(plain, "meanSquaredError")).toEqual([]);
    expect(graph, "untouched").toEqual(before);
    expect(plainGraph(plain)).toEqual(plain);
    expect(plain.model_config["config"]).toMatchObject({ output_layers: [["l", 0, 0]] });
  });

  test.each([
    [
      "hide another token",
      [operation("NotEqual", "ne", [tensor("x"), 3]), embedding, recurrent(tensor("ne"))],
    ],
    [
      "hide what no layer does",
      [
        operation("NotEqual", "ne", [tensor("x"), 0]),
        { ...embedding, config: { ...embedding.config, mask_zero: false } },
        recurrent(tensor("ne")),
      ],
    ],
    [
      "compare in another way",
      [operation("Greater", "ne", [tensor("x"), 0]), embedding, recurrent(tensor("ne"))],
    ],
    [
      "are read by a layer, too",
      [
        operation("NotEqual", "ne", [tensor("x"), 0]),
        embedding,
        entry("Dense", "d", [tensor("ne")], { units: 1 }),
        recurrent(tensor("ne")),
      ],
    ],
  ])("are refused where they %s", (_, layers) => {
    const graph = graphOf(tokens, ...layers);
    const plain = plainGraph(graph);
    expect(namesOf(plain)).toContain("ne");
    expect(modelProblems(plain, "meanSquaredError").join("\n")).toMatch(/"ne" .*operation on tensors/);
  });
});
