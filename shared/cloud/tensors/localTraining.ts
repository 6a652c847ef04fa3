// The steps of local training, with what the run's training method adds to them.
import { setImmediate } from "node:timers/promises";
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import { methodState } from "../../core/methods/training/clientState.ts";
import { learningRateOf } from "../../core/methods/training/learningRate.ts";
import { methodShape, methodTensor, pickedFrom } from "../../core/methods/training/methodTensors.ts";
import type { TensorMath } from "../../core/methods/training/tensorMath.ts";
import type {
  Assignment,
  TrainedFor,
  TrainedVariable,
  TrainingHooks,
} from "../../core/methods/training/trainingMethod.ts";
import { hooksOf } from "../../core/methods/training/trainingOf.ts";
import type { TrainProgress, TrainTask } from "../../core/ports/trainer.ts";
import { randomFrom } from "../../core/random.ts";
import type { Signals } from "../../core/schemas/signals.ts";
import { isSameShape, type Weights } from "../../core/updates/weights.ts";
import { type Batch, batchOf } from "./batches.ts";
import { batchesInMemory, type EpochBatches } from "./epochBatches.ts";
import type { Prediction } from "./finalActivation.ts";
import { type EagerStep, eagerStepper, type Stepper } from "./graph/eagerStepper.ts";
import type { GraphCache } from "./graph/graphCache.ts";
import { graphStepper } from "./graph/graphStepper.ts";
import type { FittedData } from "./labels.ts";
import type { BuiltModel } from "./layersModel.ts";
import { type Loss, lossNamed, withoutProbabilities } from "./losses.ts";
import { type LocalOptimizer, makeOptimizer } from "./optimizer.ts";
import type { TensorFlow } from "./tensorFlow.ts";

/** A task whose data are in the shapes that model and loss take. */
export interface FittedTask extends TrainTask {
  readonly data: FittedData;
  /** Where the samples come from; absent: from `data`, which otherwise are only the first of them. */
  readonly batches?: EpochBatches;
}

export interface StepsDone {
  readonly steps: number;
  readonly partial: boolean;
  /** What the method's hooks return after epochs; absent where they return nothing. */
  readonly signals?: Signals;
  /** What the method keeps for this client, in the order of its shape; new arrays. */
  readonly state: Weights;
  /** What the method sends beside the delta, in the order of its shape; new arrays, none where it sends nothing. */
  readonly beside: Weights;
  /** Why steps were not run as one graph; null where they were, and where nothing asks for it. */
  readonly eagerReason: string | null;
}

/** What steps and hooks work on. */
interface Loop {
  readonly tf: TensorFlow;
  readonly model: BuiltModel;
  readonly task: FittedTask;
  readonly optimizer: LocalOptimizer;
  readonly hooks: TrainingHooks;
  /** Of the model's trained variables, in their order. */
  readonly variables: readonly TrainedVariable<Tensor>[];
  readonly masks: ReadonlyMap<string, Tensor>;
  /** Models whose predictions the method learns from; none where it learns from labels alone. */
  readonly teachers: readonly BuiltModel[];
}

/** Trains the model in place. Leaves no tensors behind but the model's own. */
export async function trainLocally(
  tf: TensorFlow,
  model: BuiltModel,
  task: FittedTask,
  samples: number,
  {
    hooks = hooksOf(task.training, assignmentOf(task)),
    graphs = null,
    teachers: given = [],
  }: {
    readonly hooks?: TrainingHooks;
    readonly graphs?: GraphCache | null;
    /** Models with the weights of the task's teachers; they stay the caller's, and as they are. */
    readonly teachers?: readonly BuiltModel[];
  } = {},
): Promise<StepsDone> {
  const optimizer = makeOptimizer(tf, task.training.optimizer, {
    round: task.round,
    variables: model.trained,
  });
  // The model's variables change under training, so what they were at the start is a copy.
  const starts = hooks.usesStart === true ? model.trained.map((variable) => variable.clone()) : [];
  const before = methodState(task.state ?? null, hooks, model.shapes);
  const got = pickedFrom(task.got ?? null, methodShape(hooks.gets ?? [], model.shapes));
  const [kept, gotten] = [tensorsByName(tf, before), tensorsByName(tf, got)];
  const masks = masksOf(tf, model, task);
  const variables = model.trained.map((value, i) => ({
    name: model.trainedNames[i] ?? "",
    value,
    start: () => startOf(starts[i]),
    kept: (state: string) => tensorOf(kept, state, model.trainedNames[i] ?? "", "keep", "keeps"),
    got: (state: string) => tensorOf(gotten, state, model.trainedNames[i] ?? "", "get", "gets"),
  }));
  const held = [...starts, ...kept.values(), ...gotten.values(), ...masks.values()];
  const teachers = hooks.distils === undefined ? [] : given;
  const loop = { tf, model, task, optimizer, hooks, variables, masks, teachers };
  const taught = teachers.flatMap((teacher) => teacher.variables);
  const stepper = stepperFor(loop, samples, graphs, [...held, ...taught]);
  try {
    const done = await runEpochs(loop, samples, stepper);
    stepper.settle();
    const { eagerReason } = stepper;
    return { ...done, eagerReason, ...afterSteps(loop, before, done.steps) };
  } finally {
    stepper.dispose();
    optimizer.dispose();
    tf.dispose(held);
  }
}

function stepperFor(
  loop: Loop,
  samples: number,
  graphs: GraphCache | null,
  held: readonly Tensor[],
): Stepper {
  const { tf, model, task, optimizer, hooks, teachers } = loop;
  const run: EagerStep = (batch, scalars) => step(loop, batch, scalars);
  const eager = eagerStepper(tf, run);
  if (graphs === null) return eager;
  const { localEpochs, batchSize } = task.training;
  return graphStepper(tf, run, graphs, {
    state: [...model.variables, ...optimizer.slots],
    held,
    steps: localEpochs * Math.ceil(samples / batchSize),
    fromStep: hooks.usesStart === true ? 2 : 1,
    key: graphKey(task, teachers.length),
  });
}

/** Tasks of one key take the same steps: all that differs between them is given to each step, or at the start. */
function graphKey({ topology, training, covers }: TrainTask, teachers: number): string {
  const { localEpochs: _epochs, ...options } = training;
  return JSON.stringify([topology, options, covers ?? null, teachers]);
}

function assignmentOf({ covers }: TrainTask): Assignment {
  return covers === undefined ? {} : { covers };
}

/** By variable: 1 where it is to be trained, 0 elsewhere; nothing for those that are trained whole. */
function masksOf(tf: TensorFlow, model: BuiltModel, { covers }: TrainTask): ReadonlyMap<string, Tensor> {
  if (covers === undefined) return new Map();
  const boxes = new Map(covers.map((box) => [box.name, box]));
  return new Map(
    model.trained.flatMap((variable, i): [string, Tensor][] => {
      const box = boxes.get(model.trainedNames[i] ?? "");
      const { shape } = variable;
      if (box === undefined) return [[variable.name, tf.zeros(shape)]];
      if (isSameShape(box.shape, shape)) return [];
      const around = shape.map((size, axis): [number, number] => {
        const before = box.at[axis] ?? 0;
        return [before, size - before - (box.shape[axis] ?? 0)];
      });
      return [[variable.name, tf.tidy(() => tf.pad(tf.ones([...box.shape]), around))]];
    }),
  );
}

function tensorsByName(tf: TensorFlow, weights: Weights): ReadonlyMap<string, Tensor> {
  return new Map(weights.map(({ name, shape, values }) => [name, tf.tensor(values, [...shape])]));
}

function tensorOf(
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  parameter: string,
  verb: string,
  see: string,
): Tensor {
  const tensor = tensors.get(methodTensor(name, parameter));
  if (tensor !== undefined) return tensor;
  throw new FlError(
    "internal",
    `A hook of the training method asks for "${name}", which it does not ${verb}: see \`${see}\`.`,
  );
}

/** What hooks make of the trained variables: what is kept and sent, and at last what the update is made of. */
function afterSteps(loop: Loop, before: Weights, steps: number): Pick<StepsDone, "state" | "beside"> {
  const { tf, model, task, hooks } = loop;
  const learningRate = learningRateOf(task.training.optimizer, task.round);
  const isFirst = before.every(({ values }) => values.every((value) => value === 0));
  const variables = loop.variables.map(
    (one): TrainedFor<Tensor> => ({ ...one, steps, learningRate, isFirst }),
  );
  const made = (hook: "keep" | "send") => {
    const next = new Map<string, Float32Array>();
    for (const variable of variables) {
      for (const [name, tensor] of Object.entries(hooks[hook]?.<Tensor>(tf, variable) ?? {})) {
        next.set(methodTensor(name, variable.name), tensor.dataSync<"float32">().slice());
      }
    }
    return next;
  };
  let state: Weights = [];
  let beside: Weights = [];
  tf.tidy(() => {
    const [kept, sent] = [made("keep"), made("send")];
    state = before.map((weight) => ({ ...weight, values: kept.get(weight.name) ?? weight.values.slice() }));
    beside = methodShape(hooks.sends ?? [], model.shapes).map((tensor) => {
      const values = sent.get(tensor.name);
      if (values !== undefined) return { ...tensor, values };
      throw new FlError("internal", `The training method says that it sends "${tensor.name}", and does not.`);
    });
    if (hooks.outcome === undefined) return;
    const outcomes = variables.map((variable) => hooks.outcome?.<Tensor>(tf, variable) ?? variable.value);
    for (const [i, variable] of model.trained.entries()) variable.assign(outcomes[i] ?? variable);
  });
  return { state, beside };
}

function startOf(start: Tensor | undefined): Tensor {
  if (start !== undefined) return start;
  throw new FlError("internal", "A hook of the training method asks for `start`, and none says `usesStart`.");
}

async function runEpochs(
  loop: Loop,
  samples: number,
  stepper: Stepper,
): Promise<Omit<StepsDone, "state" | "beside" | "eagerReason">> {
  const { tf, task, optimizer, hooks } = loop;
  const { localEpochs, batchSize } = task.training;
  const batches = task.batches ?? batchesInMemory(task.data, samples);
  const { seed, round, clientId } = task;
  let steps = 0;
  let reported: Pick<StepsDone, "signals"> = {};
  for (let epoch = 1; epoch <= localEpochs; epoch++) {
    const shuffle = randomFrom(seed, round, clientId, "shuffle", epoch);
    let lossSum = 0;
    for await (const { data, places } of batches(batchSize, shuffle)) {
      if (steps >= (task.maxSteps ?? Infinity) || Date.now() >= (task.deadlineMs ?? Infinity)) {
        return { steps, partial: true, ...reported };
      }
      steps++;
      const loss = stepper.step(
        (): Batch => batchOf(tf, data, places),
        optimizer.scalars(steps),
        randomFrom(seed, round, clientId, "draws", epoch, steps),
      );
      checkFinite(loss, `in step ${steps} of epoch ${epoch}`, task);
      lossSum += loss * places.length;
      await setImmediate(); // Signals and other requests get their turn between steps.
    }
    const progress: TrainProgress = { epoch, steps, loss: lossSum / samples };
    if (hooks.afterEpoch !== undefined) stepper.settle();
    reported = withSignals(reported, signalsAfter(loop, progress));
    task.onProgress?.(progress);
  }
  return { steps, partial: false, ...reported };
}

/** One optimiser step; the loss it started from. Within `tf.tidy`. */
function step(
  { tf, model, task, optimizer, hooks, variables, masks, teachers }: Loop,
  { x, y }: Batch,
  scalars: readonly Tensor[],
): Scalar {
  const loss = lossNamed(tf, task.training.loss);
  const math: TensorMath<Tensor> = tf;
  const distilled = distilledLoss(tf, loss, teachers, hooks.distils ?? 0, x);
  const objective = (): Scalar => {
    const penalties = model.penalties();
    const prediction = model.apply(x, { training: true });
    const plain = penalties.reduce<Scalar>(
      (sum, penalty) => tf.add(sum, tf.mean(penalty)),
      distilled(prediction, loss.mean(y, prediction)),
    );
    return hooks.loss === undefined ? plain : hooks.loss<Tensor>(math, { loss: plain, variables }).asScalar();
  };
  const { value, grads } = tf.variableGrads(objective, [...model.trained]);
  if (hooks.gradient !== undefined) {
    for (const [i, { name }] of model.trained.entries()) {
      const [variable, gradient] = [variables[i], grads[name]];
      if (variable === undefined || gradient === undefined || gradient === null) continue;
      grads[name] = hooks.gradient<Tensor>(math, { ...variable, gradient });
    }
  }
  for (const [name, mask] of masks) {
    const gradient = grads[name];
    if (gradient !== undefined && gradient !== null) grads[name] = tf.mul(gradient, mask);
  }
  optimizer.step(grads, scalars);
  return value;
}

/**
 * What learning from teachers makes of the loss of a prediction for the batch: theirs are computed here,
 * outside of what gradients are taken of, and are constants to it.
 */
function distilledLoss(
  tf: TensorFlow,
  { soft }: Loss,
  teachers: readonly BuiltModel[],
  weight: number,
  x: Tensor,
): (prediction: Prediction, loss: Scalar) => Scalar {
  if (teachers.length === 0) return (_prediction, loss) => loss;
  if (soft === undefined) throw withoutProbabilities();
  const each = teachers.map((teacher) => soft.probabilities(teacher.apply(x, { training: false })));
  const mean = tf.div(tf.addN(each), teachers.length);
  return (prediction, loss) => tf.add(loss, tf.mul(weight, soft.mean(mean, prediction)));
}

function signalsAfter({ tf, hooks, variables }: Loop, progress: TrainProgress): Signals | undefined {
  if (hooks.afterEpoch === undefined) return undefined;
  const numberOf = (scalar: Tensor): number => scalar.dataSync()[0] ?? Number.NaN;
  let signals: Signals | undefined;
  tf.tidy(() => {
    signals = hooks.afterEpoch?.<Tensor>(tf, { ...progress, variables, numberOf });
  });
  return signals;
}

function withSignals(
  before: Pick<StepsDone, "signals">,
  signals: Signals | undefined,
): Pick<StepsDone, "signals"> {
  return signals === undefined ? before : { signals: { ...before.signals, ...signals } };
}

/** Throws `invalid-argument` for a loss that is not a number any more: no retry would end otherwise. */
export function checkFinite(loss: number, when: string, { training }: Pick<TrainTask, "training">): void {
  if (Number.isFinite(loss)) return;
  throw new FlError(
    "invalid-argument",
    `Training diverged: the loss is ${loss} ${when}. ` +
      `Lower training.optimizer.learningRate (${training.optimizer.learningRate}) or check the data.`,
    { reason: "diverged" },
  );
}
