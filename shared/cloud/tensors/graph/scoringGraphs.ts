// The forward pass of batches as graphs: an instance that has scored batches of one kind before records the
// next, and scores all that follow by its graph. What cannot be recorded is scored as before.
import type { Tensor } from "@tensorflow/tfjs";
import type { Batch } from "../batches.ts";
import type { TensorFlow } from "../tensorFlow.ts";
import { relativeDistance, TOLERANCE } from "./compare.ts";
import { type GraphSession, graphSession } from "./graphSession.ts";
import { type NativeBackend, nativeBackend, type TensorInfo } from "./nativeBackend.ts";
import { recordStep } from "./recordStep.ts";
import type { StepParts } from "./stepGraph.ts";

/** What is computed of a batch, one operation after the other, within `tf.tidy`. */
export type ScoreBatch = (batch: Batch) => readonly Tensor[];

export interface ScoringTask {
  readonly run: ScoreBatch;
  /** All that `run` takes beside the batch. */
  readonly held: readonly Tensor[];
  /** Of tasks that compute the same of batches of the same shape. */
  readonly key: string;
}

export interface ScoringGraphs {
  /** What `run` computes of the batch: new tensors, in its order. Call within `tf.tidy`. */
  score(batch: Batch, task: ScoringTask): readonly Tensor[];
}

/** With fewer batches to score, recording takes longer than it saves. */
const BATCHES_BEFORE = 2;

/** Of batches of so many kinds graphs are kept. A session holds no variables: its operations alone. */
const MAX_KINDS = 8;

interface Kind {
  batches: number;
  session: GraphSession | null;
}

/** Nothing is kept between batches but graphs, so that invocations may take turns. */
export function scoringGraphs(tf: TensorFlow): ScoringGraphs {
  /** Those used last are at the end. */
  const kinds = new Map<string, Kind>();
  const kindOf = (key: string): Kind => {
    const kind = kinds.get(key) ?? { batches: 0, session: null };
    kinds.delete(key);
    kinds.set(key, kind);
    for (const [oldest, { session }] of kinds) {
      if (kinds.size <= MAX_KINDS) break;
      session?.dispose();
      kinds.delete(oldest);
    }
    return kind;
  };
  return {
    score(batch, { run, held, key }) {
      const backend = nativeBackend(tf);
      if (backend === null) return run(batch);
      const kind = kindOf(JSON.stringify([key, batch.x.shape, batch.y.shape]));
      kind.batches++;
      if (kind.session !== null) {
        try {
          return kind.session.step([batch.x, batch.y, ...held], []);
        } catch {
          // One operation after the other, the layer that cannot take its input says so.
          return run(batch);
        }
      }
      if (kind.batches !== BATCHES_BEFORE + 1) return run(batch);
      const { outputs, session } = recorded(tf, backend, batch, run, held);
      kind.session = session;
      return outputs;
    },
  };
}

/** What the batch's operations compute, and a graph of them; null where there is none that computes the same. */
function recorded(
  tf: TensorFlow,
  backend: NativeBackend,
  batch: Batch,
  run: ScoreBatch,
  held: readonly Tensor[],
): { readonly outputs: readonly Tensor[]; readonly session: GraphSession | null } {
  const fed: [string, Tensor][] = [
    ["x", batch.x],
    ["y", batch.y],
    ...held.map((tensor, i): [string, Tensor] => [`held_${i}`, tensor]),
  ];
  const given = new Map<string, TensorInfo>(fed);
  const { result: outputs, recording } = recordStep(
    tf,
    backend,
    given,
    () => run(batch),
    (made) => made,
  );
  if (typeof recording === "string" || recording.draws.length > 0) return { outputs, session: null };
  const parts: StepParts = {
    state: [],
    held: [],
    fed: fed.map(([name, { shape }]) => ({ name, shape })),
  };
  const session = sessionOf(() => graphSession(backend, recording, parts));
  if (session === null) return { outputs, session };
  const again = session.step(
    fed.map(([, tensor]) => tensor),
    [],
  );
  const isSame = outputs.every((output, i) => {
    const other = again[i];
    return other !== undefined && relativeDistance(tf, output, other) <= TOLERANCE;
  });
  if (!isSame) session.dispose();
  return { outputs, session: isSame ? session : null };
}

/** Null where TensorFlow refuses the graph, as it does where an operation is for single calls alone. */
function sessionOf(make: () => GraphSession): GraphSession | null {
  try {
    return make();
  } catch {
    return null;
  }
}
