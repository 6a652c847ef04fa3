// A recorded step as a graph of TensorFlow: variables that stay in a session, placeholders for what each step
// is given, and nodes that run all of it. Pure.
import { type AdamUpdate, adamUpdates } from "./fusedUpdates.ts";
import type { OpAttribute } from "./nativeBackend.ts";
import type { Constant, RecordedInput, Recording, Source } from "./recordStep.ts";

/** Types of TensorFlow by their numbers in its protocol (types.proto). */
const TYPES = { float32: 1, int32: 3, string: 7, int64: 9, bool: 10 } as const;

export type GraphValue =
  | { readonly kind: "type"; readonly type: number }
  | { readonly kind: "shape"; readonly shape: readonly number[] }
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "tensor";
      readonly type: number;
      readonly shape: readonly number[];
      readonly bytes: Uint8Array;
    }
  /** A tensor of which every element has one value. */
  | {
      readonly kind: "filled";
      readonly type: number;
      readonly shape: readonly number[];
      readonly value: number;
    }
  /** As the kernel has given it. */
  | { readonly kind: "recorded"; readonly attribute: OpAttribute };

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, GraphValue>>;
}

export interface Shaped {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a step is about: everything by names, all float32. */
export interface StepParts {
  /** What a step changes, in the order of the recording's results, which go on with what is asked for. */
  readonly state: readonly Shaped[];
  /** What a step reads and never changes. */
  readonly held: readonly Shaped[];
  /** What is given anew for each step. */
  readonly fed: readonly Shaped[];
}

/** How many results of a recording are asked for when its graph runs. */
export function outputCount({ results }: Recording, { state }: Pick<StepParts, "state">): number {
  return results.length - state.length;
}

/** Names of nodes that a session feeds and asks for. */
export const nodeNames = {
  /** Fed to set a variable. */
  initial: (name: string) => `${name}_initial`,
  /** Asked for to have all variables set. */
  assigned: "assigned",
  draw: (index: number) => `draw_${index}`,
  /** Asked for to run a step: what it computes beside its state. */
  output: (index: number) => `output_${index}`,
  /** Asked for to read a variable. */
  value: (name: string) => `${name}_value`,
} as const;

/**
 * Whether two steps did the same, whatever the numbers in what they were given: then a graph of one does for
 * all.
 */
export function isSameStep(a: Recording, b: Recording): boolean {
  const places = ({ ops, constants, draws, results }: Recording) => {
    const kinds = constants.map(({ shape, dtype }) => ({ shape, dtype }));
    return JSON.stringify({ ops, constants: kinds, draws, results });
  };
  return (
    places(a) === places(b) &&
    a.constants.every(({ values }, i) => haveSameValues(values, b.constants[i]?.values ?? []))
  );
}

function haveSameValues(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** The nodes of a graph, each after those that it takes from. O(operations + values of constants). */
export function stepGraph(
  { ops, constants, draws, results }: Recording,
  parts: StepParts,
): readonly GraphNode[] {
  const nodes: GraphNode[] = [];
  const add = (node: GraphNode): string => {
    nodes.push(node);
    return node.name;
  };
  const float: GraphValue = { kind: "type", type: TYPES.float32 };
  const placeholder = (name: string, shape: readonly number[]) =>
    add({
      name,
      op: "Placeholder",
      inputs: [],
      attributes: { dtype: float, shape: { kind: "shape", shape } },
    });

  const stored = [...parts.state, ...parts.held];
  for (const { name, shape } of parts.fed) placeholder(name, shape);
  for (const [i, shape] of draws.entries()) placeholder(nodeNames.draw(i), shape);
  const assigned = stored.map(({ name, shape }) => {
    const text: GraphValue = { kind: "text", text: name };
    add({
      name: `${name}_variable`,
      op: "VarHandleOp",
      inputs: [],
      attributes: { dtype: float, shape: { kind: "shape", shape }, shared_name: text },
    });
    add({
      name: `${name}_read`,
      op: "ReadVariableOp",
      inputs: [`${name}_variable`],
      attributes: { dtype: float },
    });
    identity(nodeNames.value(name), [`${name}_read`]);
    placeholder(nodeNames.initial(name), shape);
    return assign(`${name}_set`, name, nodeNames.initial(name), []);
  });
  add(constantNode("nothing", { shape: [], dtype: "float32", values: [0] }));
  identity(nodeNames.assigned, ["nothing", ...assigned.map((name) => `^${name}`)]);
  for (const [i, constant] of constants.entries()) add(constantNode(`constant_${i}`, constant));

  for (const [i, { name, attributes, inputs }] of ops.entries()) {
    add({
      name: opName(i),
      op: name,
      inputs: inputs.map(reference),
      attributes: {
        ...leftOut(name, inputs),
        ...Object.fromEntries(
          attributes.map((attribute) => [attribute.name, { kind: "recorded", attribute } as const]),
        ),
      },
    });
  }
  const names = parts.state.map(({ name }) => name);
  const updates = adamUpdates({ ops, constants, draws, results }, names);
  const fused = new Set(updates.flatMap(({ variable, mean, square }) => [variable, mean, square]));
  const changes = [
    ...names.flatMap((name, i) =>
      // What the step takes of the variable is read before it changes.
      fused.has(i) ? [] : [assign(`${name}_change`, name, reference(resultOf(i)), [`^${name}_read`])],
    ),
    ...updates.map(adam),
  ];
  for (const [i, output] of results.slice(parts.state.length).entries()) {
    const after = changes.map((name) => `^${name}`);
    identity(nodeNames.output(i), [reference(output), ...after], typeOf(output.dtype));
  }
  return nodes;

  function identity(name: string, inputs: readonly string[], type: number = TYPES.float32): void {
    add({ name, op: "Identity", inputs, attributes: { T: { kind: "type", type } } });
  }

  function assign(node: string, variable: string, value: string, after: readonly string[]): string {
    return add({
      name: node,
      op: "AssignVariableOp",
      inputs: [`${variable}_variable`, value, ...after],
      attributes: { dtype: float },
    });
  }

  function resultOf(index: number): RecordedInput {
    return results[index] as RecordedInput;
  }

  /** With powers of zero, the kernel's own rate is the one that it is given. */
  function adam(update: AdamUpdate): string {
    const changed = [update.variable, update.mean, update.square].map((i) => names[i] as string);
    const [variable = ""] = changed;
    const after = changed.map((name) => `^${name}_read`);
    const { source } = update.from;
    if (source.kind !== "given" || source.name !== variable) {
      after.push(`^${assign(`${variable}_from`, variable, reference(update.from), [`^${variable}_read`])}`);
    }
    const number = (value: number) =>
      add(constantNode(`extra_${nodes.length}`, { shape: [], dtype: "float32", values: [value] }));
    return add({
      name: `${variable}_change`,
      op: "ResourceApplyAdam",
      inputs: [
        ...changed.map((name) => `${name}_variable`),
        number(0),
        number(0),
        reference(update.rate),
        number(update.beta1),
        number(update.beta2),
        number(update.epsilon),
        reference(update.gradient),
        ...after,
      ],
      attributes: { T: float },
    });
  }

  function reference({ source, shape, madeShape, dtype }: RecordedInput): string {
    if (source.kind === "int64") {
      return add(int64Node(`extra_${nodes.length}`, source.value));
    }
    const made = nameOf(source);
    if (isSame(shape, madeShape)) return made;
    const sizes = add(
      constantNode(`extra_${nodes.length}`, { shape: [shape.length], dtype: "int32", values: shape }),
    );
    return add({
      name: `extra_${nodes.length}`,
      op: "Reshape",
      inputs: [made, sizes],
      attributes: {
        T: { kind: "type", type: typeOf(dtype) },
        Tshape: { kind: "type", type: TYPES.int32 },
      },
    });
  }

  function nameOf(source: Exclude<Source, { kind: "int64" }>): string {
    switch (source.kind) {
      case "op":
        return source.output === 0 ? opName(source.op) : `${opName(source.op)}:${source.output}`;
      case "constant":
        return `constant_${source.constant}`;
      case "drawn":
        return nodeNames.draw(source.draw);
      case "given":
        return stored.some(({ name }) => name === source.name) ? `${source.name}_read` : source.name;
    }
  }
}

/** What a kernel of tfjs-node does not say: TensorFlow finds it out for single operations, not in a graph. */
function leftOut(op: string, [input]: readonly RecordedInput[]): Readonly<Record<string, GraphValue>> {
  if (op !== "ExpandDims" || input === undefined) return {};
  return {
    T: { kind: "type", type: typeOf(input.dtype) },
    Tdim: { kind: "type", type: TYPES.int32 },
  };
}

const opName = (op: number) => `op_${op}`;

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

function typeOf(dtype: string): number {
  return Object.hasOwn(TYPES, dtype) ? TYPES[dtype as keyof typeof TYPES] : TYPES.float32;
}

const ARRAYS = {
  float32: (values: ArrayLike<number>) => Float32Array.from(values),
  int32: (values: ArrayLike<number>) => Int32Array.from(values),
  bool: (values: ArrayLike<number>) => Uint8Array.from(values),
};

function constantNode(name: string, { shape, dtype, values }: Constant): GraphNode {
  const only = values[0];
  if (values.length === 1 && only !== undefined && shape.some((size) => size !== 1)) {
    const type = typeOf(dtype);
    return constant(name, type, { kind: "filled", type, shape, value: only });
  }
  const array = (dtype === "int32" || dtype === "bool" ? ARRAYS[dtype] : ARRAYS.float32)(values);
  return tensorNode(name, typeOf(dtype), shape, new Uint8Array(array.buffer));
}

function int64Node(name: string, value: number): GraphNode {
  return tensorNode(name, TYPES.int64, [], new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
}

function tensorNode(name: string, type: number, shape: readonly number[], bytes: Uint8Array): GraphNode {
  return constant(name, type, { kind: "tensor", type, shape, bytes });
}

function constant(name: string, type: number, value: GraphValue): GraphNode {
  return { name, op: "Const", inputs: [], attributes: { dtype: { kind: "type", type }, value } };
}
