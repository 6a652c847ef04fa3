// Which chains of a recorded step are updates of Adam, and which only look like it.
import { describe, expect, it } from "vitest";
import { adamUpdates } from "../../../../shared/cloud/tensors/graph/fusedUpdates.ts";
import type {
  Constant,
  RecordedInput,
  Recording,
} from "../../../../shared/cloud/tensors/graph/recordStep.ts";
import { stepGraph } from "../../../../shared/cloud/tensors/graph/stepGraph.ts";

const STATE = ["w", "mean", "square"] as const;
const [BETA1, BETA2] = [0.75, 0.875];

/** Writes a recording, operation by operation. */
class Recorder {
  readonly ops: { name: string; attributes: []; inputs: RecordedInput[] }[] = [];
  readonly constants: Constant[] = [];
  readonly shape: readonly number[];

  constructor(shape: readonly number[]) {
    this.shape = shape;
  }

  given(name: string, shape = this.shape): RecordedInput {
    return this.input({ kind: "given", name }, shape);
  }

  constant(...values: number[]): RecordedInput {
    const index =
      this.constants.push({ shape: values.length === 1 ? [] : [values.length], dtype: "float32", values }) -
      1;
    return this.input({ kind: "constant", constant: index }, values.length === 1 ? [] : [values.length]);
  }

  op(name: string, ...inputs: RecordedInput[]): RecordedInput {
    const op = this.ops.push({ name, attributes: [], inputs }) - 1;
    return this.input({ kind: "op", op, output: 0 }, this.shape);
  }

  /** before + (towards − before) · share */
  moved(before: RecordedInput, towards: RecordedInput, share: RecordedInput): RecordedInput {
    return this.op("Add", before, this.op("Mul", this.op("Sub", towards, before), share));
  }

  recording(...results: RecordedInput[]): Recording {
    return { ops: this.ops, constants: this.constants, draws: [], results };
  }

  private input(source: RecordedInput["source"], shape: readonly number[]): RecordedInput {
    return { source, shape, madeShape: shape, dtype: "float32" };
  }
}

interface Parts {
  readonly shape: readonly number[];
  readonly from: (r: Recorder) => RecordedInput;
  readonly gradient: (r: Recorder) => RecordedInput;
  /** Of which the square is taken; default: the gradient. */
  readonly squared: (r: Recorder) => RecordedInput;
  readonly meanOf: string;
  readonly rate: (r: Recorder) => RecordedInput;
  readonly share: (r: Recorder) => RecordedInput;
  readonly epsilon: (r: Recorder) => RecordedInput;
  /** The results, of what they are by name. */
  readonly results: (made: Record<"w" | "mean" | "square", RecordedInput>) => readonly RecordedInput[];
}

/** A step of Adam as optimizer.ts does it, apart from what is said. */
function adamStep(parts: Partial<Parts> = {}): Recording {
  const r = new Recorder(parts.shape ?? [2, 3]);
  const gradient = parts.gradient?.(r) ?? r.op("Gradient", r.given("x", [4]));
  const before = r.given(parts.meanOf ?? "mean");
  const mean = r.moved(before, gradient, parts.share?.(r) ?? r.constant(1 - BETA1));
  const squared = r.op("Square", parts.squared?.(r) ?? gradient);
  const square = r.moved(r.given("square"), squared, r.constant(1 - BETA2));
  const rate = parts.rate?.(r) ?? r.given("rate", []);
  const root = r.op("Add", r.op("Sqrt", square), parts.epsilon?.(r) ?? r.constant(0.5));
  const w = r.op("Sub", parts.from?.(r) ?? r.given("w"), r.op("RealDiv", r.op("Mul", mean, rate), root));
  return r.recording(...(parts.results?.({ w, mean, square }) ?? [w, mean, square]));
}

describe("an update of Adam", () => {
  it("is found, with its numbers", () => {
    const recording = adamStep();
    expect(adamUpdates(recording, STATE)).toEqual([
      {
        variable: 0,
        mean: 1,
        square: 2,
        from: expect.objectContaining({ source: { kind: "given", name: "w" } }),
        gradient: expect.objectContaining({ source: { kind: "op", op: 0, output: 0 } }),
        rate: expect.objectContaining({ source: { kind: "given", name: "rate" } }),
        beta1: BETA1,
        beta2: BETA2,
        epsilon: 0.5,
      },
    ]);
  });

  it("is found wherever the variables stand in the state", () => {
    const results: Parts["results"] = ({ w, mean, square }) => [square, w, mean];
    const [update] = adamUpdates(adamStep({ results }), ["square", "w", "mean"]);
    expect(update).toMatchObject({ variable: 1, mean: 2, square: 0 });
  });

  it("is found of a scalar, and taken off what weight decay leaves", () => {
    const from = (r: Recorder) => r.op("Mul", r.given("w"), r.given("decay", []));
    const [update] = adamUpdates(adamStep({ shape: [], from }), STATE);
    expect(update?.from.source.kind).toBe("op");
  });

  it.each<[string, Partial<Parts>]>([
    ["the square of something else", { squared: (r) => r.given("x") }],
    ["a mean that is another variable's", { meanOf: "other" }],
    ["a share for each element", { share: (r) => r.constant(1, 2, 3) }],
    ["a share that a step computes", { share: (r) => r.op("Mean", r.given("x", [4])) }],
    ["a rate for each element", { rate: (r) => r.given("rate", [2, 3]) }],
    ["an epsilon for each element", { epsilon: (r) => r.constant(1, 2, 3) }],
    ["a smaller variable, to which the update is broadcast", { from: (r) => r.given("w", [3]) }],
    ["a smaller gradient, which is broadcast", { gradient: (r) => r.given("x", [3]) }],
    [
      "a gradient in another shape than it was made in",
      {
        gradient: (r) => ({ ...r.op("Gradient"), shape: [3], madeShape: [1, 3] }),
      },
    ],
    ["averages that are not kept", { results: ({ w }) => [w, w, w] }],
  ])("is not one with %s", (_what, parts) => {
    expect(adamUpdates(adamStep(parts), STATE)).toEqual([]);
  });

  it("is not one where the parts are results beside the state", () => {
    expect(adamUpdates(adamStep(), ["w"])).toEqual([]);
    expect(adamUpdates(adamStep(), [])).toEqual([]);
  });

  it("leaves the recording as it is", () => {
    const recording = adamStep();
    const before = structuredClone(recording);
    adamUpdates(recording, STATE);
    expect(recording).toEqual(before);
  });
});

describe("the graph of an update", () => {
  const parts = (shape: readonly number[]) => ({
    state: STATE.map((name) => ({ name, shape })),
    held: [],
    fed: ["x", "rate", "decay"].map((name) => ({ name, shape: [] })),
  });
  const nodesOf = (recording: Recording) =>
    new Map(stepGraph(recording, parts([2, 3])).map((node) => [node.name, node]));

  it("is one kernel, which changes all three after they were read", () => {
    const nodes = nodesOf(adamStep());
    const [change, ...others] = [...nodes.values()].filter(({ name }) => name.endsWith("_change"));
    expect(others).toEqual([]);
    expect(change).toMatchObject({ name: "w_change", op: "ResourceApplyAdam" });
    const inputs = change?.inputs ?? [];
    expect(inputs.slice(0, 3)).toEqual(["w_variable", "mean_variable", "square_variable"]);
    const numbers = inputs.map((name) => nodes.get(name)?.attributes["value"]);
    const numberOf = (at: number) => {
      const value = numbers[at];
      return value?.kind === "tensor" ? new Float32Array(value.bytes.slice().buffer)[0] : undefined;
    };
    // Powers of zero: the rate has the corrections in it.
    expect([3, 4, 6, 7, 8].map(numberOf)).toEqual([0, 0, BETA1, BETA2, 0.5]);
    expect([inputs[5], inputs[9]]).toEqual(["rate", "op_0"]);
    expect(inputs.slice(10)).toEqual(["^w_read", "^mean_read", "^square_read"]);
  });

  it("decays the variable first", () => {
    const nodes = nodesOf(adamStep({ from: (r) => r.op("Mul", r.given("w"), r.given("decay", [])) }));
    expect(nodes.get("w_change")?.inputs).toContain("^w_from");
    expect(nodes.get("w_from")).toMatchObject({
      op: "AssignVariableOp",
      inputs: ["w_variable", expect.stringMatching(/^op_/), "^w_read"],
    });
  });

  it("assigns what is no update of Adam", () => {
    const nodes = nodesOf(adamStep({ squared: (r) => r.given("x") }));
    const changes = STATE.map((name) => nodes.get(`${name}_change`)?.op);
    expect(changes).toEqual(Array(3).fill("AssignVariableOp"));
  });
});
