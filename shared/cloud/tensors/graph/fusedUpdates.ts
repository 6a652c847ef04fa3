// Finds the updates of an optimizer in a recorded step that TensorFlow has one kernel for: as recorded, each
// is a chain of operations that go through a tensor as large as the variable. Pure.
import type { RecordedInput, RecordedOp, Recording } from "./recordStep.ts";

/** An update of Adam: three variables of the step, by their places in its state, change together. */
export interface AdamUpdate {
  readonly variable: number;
  readonly mean: number;
  readonly square: number;
  /** What the update is taken off: the variable, or what weight decay has made of it. */
  readonly from: RecordedInput;
  readonly gradient: RecordedInput;
  /** A scalar: the learning rate with the corrections of both averages in it. */
  readonly rate: RecordedInput;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * The updates of Adam and AdamW among the results of a recording, as optimizer.ts computes them:
 * mean' = mean + (gradient − mean) · (1 − β1), square' = square + (gradient² − square) · (1 − β2) and
 * variable' = from − mean' · rate / (√square' + ε).
 *
 * @param state the names of what the step changes, in the order of the recording's first results
 */
export function adamUpdates(recording: Recording, state: readonly string[]): readonly AdamUpdate[] {
  const { ops, constants, results } = recording;
  const makes = new Map(results.slice(0, state.length).map((result, i) => [placeOf(result), i]));

  const inputsOf = (input: RecordedInput | undefined, name: string): RecordedOp["inputs"] => {
    if (input?.source.kind !== "op" || !isSameShape(input.shape, input.madeShape)) return [];
    const op = ops[input.source.op];
    return op?.name === name ? op.inputs : [];
  };
  const numberOf = (input: RecordedInput | undefined): number | undefined => {
    if (input?.source.kind !== "constant") return undefined;
    const values = constants[input.source.constant]?.values;
    return values?.length === 1 ? values[0] : undefined;
  };
  /** Which state it will be, and what that moves towards, by which share of the way. */
  const movedOf = (input: RecordedInput | undefined) => {
    const [before, move] = inputsOf(input, "Add");
    const [way, share] = inputsOf(move, "Mul");
    const [towards, from] = inputsOf(way, "Sub");
    const by = numberOf(share);
    const index = input === undefined ? undefined : makes.get(placeOf(input));
    if (before === undefined || from === undefined || towards === undefined) return undefined;
    if (by === undefined || index === undefined) return undefined;
    const isOwn = [before, from].every(
      ({ source }) => source.kind === "given" && source.name === state[index],
    );
    return isOwn ? { index, towards, by } : undefined;
  };

  return state.flatMap((_, variable): AdamUpdate[] => {
    const result = results[variable];
    const [from, quotient] = inputsOf(result, "Sub");
    const [scaled, divisor] = inputsOf(quotient, "RealDiv");
    const [meanAfter, rate] = inputsOf(scaled, "Mul");
    const [root, added] = inputsOf(divisor, "Add");
    const [squareAfter] = inputsOf(root, "Sqrt");
    const [mean, square] = [movedOf(meanAfter), movedOf(squareAfter)];
    const epsilon = numberOf(added);
    if (result === undefined || from === undefined || rate === undefined) return [];
    if (mean === undefined || square === undefined || epsilon === undefined) return [];
    const gradient = mean.towards;
    const [squared] = inputsOf(square.towards, "Square");
    if (squared === undefined || placeOf(squared) !== placeOf(gradient)) return [];
    const shaped = [from, gradient, squared, ...[mean, square].map(({ index }) => results[index])];
    if (rate.shape.length > 0 || !shaped.every((one) => isSameShape(one?.shape ?? [], result.shape)))
      return [];
    return [
      {
        variable,
        mean: mean.index,
        square: square.index,
        from,
        gradient,
        rate,
        beta1: 1 - mean.by,
        beta2: 1 - square.by,
        epsilon,
      },
    ];
  });
}

function placeOf({ source }: RecordedInput): string {
  return JSON.stringify(source);
}

function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
