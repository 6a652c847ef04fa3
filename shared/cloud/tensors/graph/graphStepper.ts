// Steps of local training as one graph: two of them are recorded while they run one operation after the
// other, and if they did the same, all that follow run as a graph in a session of TensorFlow. What cannot be
// recorded goes on as before, with the reason.
import type { Tensor, Variable } from "@tensorflow/tfjs";
import type { Batch } from "../batches.ts";
import { withDraws } from "../draws.ts";
import type { TensorFlow } from "../tensorFlow.ts";
import { relativeDistance, TOLERANCE } from "./compare.ts";
import { type EagerStep, eagerStepper, type Stepper } from "./eagerStepper.ts";
import type { GraphCache } from "./graphCache.ts";
import { type GraphSession, graphSession } from "./graphSession.ts";
import { type NativeBackend, nativeBackend, type TensorInfo } from "./nativeBackend.ts";
import { type Recording, recordStep } from "./recordStep.ts";
import { isSameStep, type StepParts } from "./stepGraph.ts";

/** With fewer steps to do, recording takes longer than it saves. */
const MIN_STEPS = 8;

/** Variables of a session, beside which the model's own stay in memory. */
const MAX_STATE_BYTES = 128 * 2 ** 20;

export interface GraphTask {
  /** All that a step changes. */
  readonly state: readonly Variable[];
  /** What it reads beside, and never changes. */
  readonly held: readonly Tensor[];
  /** Steps planned. */
  readonly steps: number;
  /** The first that may be recorded; 1 is the first. */
  readonly fromStep: number;
  /** Of tasks that take the same steps with batches of the same shape. */
  readonly key: string;
}

/** Runs a task's steps as a graph where that is possible and pays. */
export function graphStepper(tf: TensorFlow, run: EagerStep, graphs: GraphCache, task: GraphTask): Stepper {
  const backend = nativeBackend(tf);
  const eager = eagerStepper(tf, run);
  if (backend === null) return eager;
  const bytes = [...task.state, ...task.held].reduce((sum, { size }) => sum + 4 * size, 0);
  if (bytes > MAX_STATE_BYTES) {
    return { ...eager, eagerReason: `its variables take more than ${MAX_STATE_BYTES / 2 ** 20} MiB` };
  }
  return new GraphStepper({ tf, backend }, run, eager, graphs, task);
}

class GraphStepper implements Stepper {
  eagerReason: string | null = null;
  private session: GraphSession | null = null;
  /** Of the batches that the session is for; null before the first batch. */
  private key: string | null = null;
  private first: Recording | null = null;
  private stepsDone = 0;
  /** Where the variables as they are now are to be found. */
  private upToDate: "both" | "variables" | "session" = "variables";

  private readonly tf: TensorFlow;
  private readonly backend: NativeBackend;
  private readonly run: EagerStep;
  private readonly eager: Stepper;
  private readonly graphs: GraphCache;
  private readonly task: GraphTask;

  constructor(
    { tf, backend }: { readonly tf: TensorFlow; readonly backend: NativeBackend },
    run: EagerStep,
    eager: Stepper,
    graphs: GraphCache,
    task: GraphTask,
  ) {
    this.tf = tf;
    this.backend = backend;
    this.run = run;
    this.eager = eager;
    this.graphs = graphs;
    this.task = task;
  }

  step(batch: () => Batch, scalars: readonly number[], random: { next(): number }): number {
    this.stepsDone++;
    const made: Batch = this.tf.tidy(() => ({ ...batch() }));
    const fed = scalars.map((value) => this.tf.scalar(value));
    try {
      const key = JSON.stringify([this.task.key, made.x.shape, made.y.shape]);
      if (this.key === null) {
        this.key = key;
        this.session = this.graphs.take(key);
      }
      if (key === this.key && this.session !== null) return this.graphStep(made, fed, random);
      this.settle();
      this.upToDate = "variables";
      if (key !== this.key || !this.mayRecord()) return this.eager.step(() => made, scalars, random);
      return this.recordedStep(made, fed, random);
    } finally {
      this.tf.dispose([made.x, made.y, ...fed]);
    }
  }

  settle(): void {
    if (this.session === null || this.upToDate !== "session") return;
    const values = this.session.read();
    for (const [i, variable] of this.task.state.entries()) variable.assign(values[i] as Tensor);
    this.tf.dispose([...values]);
    this.upToDate = "both";
  }

  dispose(): void {
    if (this.session !== null && this.key !== null) this.graphs.put(this.key, this.session);
    this.session = null;
  }

  private mayRecord(): boolean {
    const { steps, fromStep } = this.task;
    return this.eagerReason === null && steps >= MIN_STEPS && this.stepsDone >= fromStep;
  }

  private graphStep(batch: Batch, scalars: readonly Tensor[], random: { next(): number }): number {
    const session = this.session as GraphSession;
    if (this.upToDate === "variables") session.assign([...this.task.state, ...this.task.held]);
    this.upToDate = "session";
    const numbers: number[] = [];
    const remembered = { next: () => numbers[numbers.push(random.next()) - 1] as number };
    try {
      return runOn(this.tf, session, batch, scalars, remembered);
    } catch (error) {
      // One operation after the other, the layer that cannot take its input says so. If none does, variables
      // may have changed without the others: these steps are lost.
      this.settle();
      const again = { next: () => numbers.shift() as number };
      withDraws(again, () => this.tf.tidy(() => this.run(batch, scalars)));
      throw error;
    }
  }

  /** The step one operation after the other, recorded; the second time, the graph of it is tried beside. */
  private recordedStep(batch: Batch, scalars: readonly Tensor[], random: { next(): number }): number {
    const numbers: number[] = [];
    const remembered = { next: () => numbers[numbers.push(random.next()) - 1] as number };
    const before = this.task.state.map((variable) => variable.clone());
    try {
      const { result: loss, recording } = this.recorded(batch, scalars, remembered);
      if (typeof recording === "string") this.eagerReason = recording;
      else if (this.first === null) this.first = recording;
      else if (!isSameStep(this.first, recording)) this.eagerReason = "its steps differ from one another";
      else this.eagerReason = this.tryGraph(recording, before, batch, scalars, numbers, loss);
      return loss;
    } finally {
      this.tf.dispose(before);
    }
  }

  private recorded(batch: Batch, scalars: readonly Tensor[], random: { next(): number }) {
    const { tf, backend, task } = this;
    const given = new Map(
      Object.entries({ x: batch.x, y: batch.y }).map(([name, tensor]): [string, TensorInfo] => [
        name,
        tensor,
      ]),
    );
    for (const [i, scalar] of scalars.entries()) given.set(scalarName(i), scalar);
    for (const [i, variable] of task.state.entries()) given.set(stateName(i), variable);
    for (const [i, tensor] of task.held.entries()) given.set(heldName(i), tensor);
    const { result, recording } = withDraws(random, () =>
      recordStep(
        tf,
        backend,
        given,
        () => tf.tidy(() => this.run(batch, scalars)),
        (loss) => [...task.state, loss],
      ),
    );
    const loss = result.dataSync()[0] ?? Number.NaN;
    result.dispose();
    return { result: loss, recording };
  }

  /** Keeps the recording's graph if it computes what the step has; else says why not. */
  private tryGraph(
    recording: Recording,
    before: readonly Tensor[],
    batch: Batch,
    scalars: readonly Tensor[],
    numbers: number[],
    loss: number,
  ): string | null {
    const { tf, backend, task } = this;
    let session: GraphSession;
    try {
      session = graphSession(backend, recording, partsOf(task, batch, scalars));
    } catch (error) {
      return `TensorFlow refuses its graph: ${error instanceof Error ? error.message : error}`.slice(0, 300);
    }
    let isSame = false;
    try {
      session.assign([...before, ...task.held]);
      const again = runOn(tf, session, batch, scalars, { next: () => numbers.shift() as number });
      const values = session.read();
      const distances = task.state.map((variable, i) =>
        tf.tidy(() => relativeDistance(tf, variable, values[i] as Tensor)),
      );
      tf.dispose([...values]);
      isSame = [...distances, Math.abs(again - loss)].every((distance) => distance <= TOLERANCE);
    } finally {
      if (!isSame) session.dispose();
    }
    if (!isSame) return "its graph computes something else";
    this.session = session;
    this.upToDate = "both";
    return null;
  }
}

const stateName = (i: number) => `state_${i}`;
const heldName = (i: number) => `held_${i}`;
const scalarName = (i: number) => `scalar_${i}`;

function partsOf({ state, held }: GraphTask, { x, y }: Batch, scalars: readonly Tensor[]): StepParts {
  return {
    state: state.map(({ shape }, i) => ({ name: stateName(i), shape })),
    held: held.map(({ shape }, i) => ({ name: heldName(i), shape })),
    fed: [
      { name: "x", shape: x.shape },
      { name: "y", shape: y.shape },
      ...scalars.map(({ shape }, i) => ({ name: scalarName(i), shape })),
    ],
  };
}

function runOn(
  tf: TensorFlow,
  session: GraphSession,
  { x, y }: Batch,
  scalars: readonly Tensor[],
  random: { next(): number },
): number {
  const drawn = withDraws(random, () => session.draws.map((shape) => tf.randomUniform([...shape])));
  const outputs = (() => {
    try {
      return session.step([x, y, ...scalars], drawn);
    } finally {
      tf.dispose(drawn);
    }
  })();
  const loss = outputs[0]?.dataSync()[0] ?? Number.NaN;
  tf.dispose([...outputs]);
  return loss;
}
