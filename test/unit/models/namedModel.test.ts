// Models of parameters alone: the tensors of a file by the parameters that are named, and every reason why
// they are not those.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { namedTensors } from "../../../shared/core/models/namedModel.ts";
import type { NamedParameter } from "../../../shared/core/schemas/model.ts";
import { encodeSafetensors, parseHeader, type Tensor } from "../../../shared/core/updates/safetensors.ts";
import { deepFreeze } from "../../support/builders.ts";

const tensor = (name: string, shape: readonly number[], dtype: Tensor["dtype"] = "F32"): Tensor => {
  const width = { F64: 8, I64: 8, F32: 4, F16: 2, BF16: 2 }[dtype as "F32"];
  return {
    name,
    dtype,
    shape,
    data: new Uint8Array(width * shape.reduce((product, size) => product * size, 1)),
  };
};
const entries = (...tensors: Tensor[]) => deepFreeze(parseHeader(encodeSafetensors(tensors)).tensors);
const file = entries(tensor("fc.weight", [3, 4]), tensor("fc.bias", [3]));
const problemsOf = (parameters: readonly NamedParameter[] | undefined, tensors = file) =>
  namedTensors(parameters, tensors).problems;

describe("namedTensors", () => {
  it("takes all tensors of the file where none is named, in the order of their bytes", () => {
    const { found, problems } = namedTensors(undefined, file);
    expect(problems).toEqual([]);
    expect(found.map(({ parameter }) => parameter)).toEqual([
      { name: "fc.bias", shape: [3] },
      { name: "fc.weight", shape: [3, 4] },
    ]);
    expect(found.map(({ tensor: { name } }) => name)).toEqual(["fc.bias", "fc.weight"]);
  });

  it("keeps the order and what is said of those that are named", () => {
    const named = deepFreeze<NamedParameter[]>([
      { name: "fc.weight", shape: [3, 4], role: "frozen" },
      { name: "fc.bias", shape: [3], role: "statistic", min: 0 },
    ]);
    const { found, problems } = namedTensors(named, file);
    expect(problems).toEqual([]);
    expect(found.map(({ parameter }) => parameter)).toEqual(named);
    expect(found.map(({ tensor: { shape } }) => shape)).toEqual([[3, 4], [3]]);
  });

  it("takes every width of floats, and scalars", () => {
    for (const dtype of ["F64", "F32", "F16", "BF16"] as const) {
      expect(problemsOf(undefined, entries(tensor("a", [2], dtype), tensor("b", [])))).toEqual([]);
    }
  });

  it("says everything that is wrong at once, with its place", () => {
    const named: NamedParameter[] = [
      { name: "fc.weight", shape: [4, 3] },
      { name: "fc.gain", shape: [3] },
    ];
    expect(problemsOf(named)).toEqual([
      { path: "model.weights.upload", message: 'the file lacks "fc.gain"' },
      {
        path: "model.weights.upload",
        message: 'the file holds "fc.bias", which model.parameters does not name: name it, or leave it out',
      },
      {
        path: "model.parameters.0.shape",
        message: '"fc.weight" has the shape [3, 4] in the file, and [4, 3] here',
      },
    ]);
  });

  it("refuses whole numbers, such as the counters of PyTorch's batch normalisation", () => {
    const tensors = entries(tensor("bn.num_batches_tracked", [], "I64"), tensor("bn.weight", [2]));
    expect(problemsOf(undefined, tensors)).toEqual([
      {
        path: "model.weights.upload",
        message: '"bn.num_batches_tracked" is I64: write it as F32, or leave it out',
      },
    ]);
  });

  it("refuses a file without values, and names and shapes that no parameter has", () => {
    expect(problemsOf(undefined, [])).toMatchObject([
      { message: expect.stringMatching(/no values to train/) },
    ]);
    expect(problemsOf(undefined, entries(tensor("a", [0, 3])))).toMatchObject([
      { message: expect.stringMatching(/no values to train/) },
    ]);
    const deep = entries(tensor("deep", new Array(9).fill(1)), tensor("", [1]), tensor("n".repeat(501), [1]));
    expect(problemsOf(undefined, deep).map(({ message }) => message)).toEqual([
      expect.stringMatching(/^"" cannot be a parameter: its name/),
      expect.stringMatching(/^"deep" cannot be a parameter: its shape/),
      expect.stringMatching(/^"nn+\.\.\." cannot be a parameter: its name/),
    ]);
  });

  it("takes names that are words of JavaScript's for what they are", () => {
    const odd = ["constructor", "__proto__", "toString"];
    const tensors = entries(...odd.map((name) => tensor(name, [1])));
    expect(
      namedTensors(
        odd.map((name) => ({ name, shape: [1] })),
        tensors,
      ).found,
    ).toHaveLength(3);
    expect(problemsOf([{ name: "constructor", shape: [3] }])).toMatchObject([
      { message: 'the file lacks "constructor"' },
      { message: expect.stringMatching(/holds "fc.bias", "fc.weight"/) },
    ]);
  });

  it("finds exactly the file's own tensors, in whatever order they are named", () => {
    const shapes = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1, unit: "grapheme-ascii" }).filter((name) => name !== "__metadata__"),
        shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 6, selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(shapes, (parameters) => {
        const tensors = entries(...parameters.map(({ name, shape }) => tensor(name, shape)).toReversed());
        const { found, problems } = namedTensors(parameters, tensors);
        expect(problems).toEqual([]);
        expect(found.map(({ parameter }) => parameter)).toEqual(parameters);
        for (const { parameter, tensor: own } of found) expect(own.name).toBe(parameter.name);
      }),
    );
  });
});
