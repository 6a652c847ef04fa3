// What is known of a run's test set before the run is: whether its spec needs one, and when it is looked at.
import type { Problem } from "../errors.ts";
import type { Dataset } from "../ports/trainer.ts";
import { scoredBy, whyNeverCentral } from "../schemas/scoredBy.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import { elementCount } from "../updates/safetensors.ts";

type ScoringSpec = Pick<StoredRunSpec, "stop" | "evaluation" | "training"> & { readonly model: object };

/** What in a spec needs a test set, by its path; null where nothing does. */
export function asksForScores(spec: ScoringSpec): string | null {
  const { stop, evaluation } = spec;
  // Where the clients' scores count, only what clients know nothing of.
  const isCentral = scoredBy(spec) === "central";
  const targets = (["targetAccuracy", "targetLoss", "target"] as const).filter(
    (name) => isCentral && stop[name] !== undefined,
  );
  const ofBoth = ["metric", "metrics", "batchSize"] as const;
  const options = ([...(isCentral ? ofBoth : []), "data", "every"] as const).filter(
    (name) => evaluation?.[name] !== undefined,
  );
  const [first] = [...targets.map((name) => `stop.${name}`), ...options.map((name) => `evaluation.${name}`)];
  return first ?? null;
}

/** Of a test set, as a check of the spec says it: only the evaluator may read one. */
export function testSetLater(spec: ScoringSpec): readonly Problem[] {
  if (whyNeverCentral(spec) !== null) return [];
  const asking = asksForScores(spec);
  const notHere = "the test set is not looked at here, since only the evaluator may read it";
  const message =
    asking === null
      ? `${notHere}: where there is none, or it does not fit the model, versions go without a score and say why`
      : `${notHere}: it does so when the run is created, and a run whose test set is missing or does not fit the model fails then, before its first round`;
  return [{ path: asking ?? "evaluation.data", message }];
}

/** Samples that show whether a test set fits a model. */
export const PROBED_SAMPLES = 16;

/** The first samples, and those with the smallest and the largest label: one of a class that no model has shows. */
export function probeSamples({ x, y }: Dataset): Dataset {
  const samples = x.shape[0] ?? 0;
  const labels = elementCount(y.shape.slice(1));
  let [least, most] = [0, 0];
  for (let i = 0; i < y.values.length; i++) {
    const label = y.values[i] ?? 0;
    if (label < (y.values[least] ?? 0)) least = i;
    if (label > (y.values[most] ?? 0)) most = i;
  }
  const extremes = [least, most].map((place) => Math.floor(place / Math.max(1, labels)));
  const first = Array.from({ length: Math.min(samples, PROBED_SAMPLES - extremes.length) }, (_, row) => row);
  const rows = [...new Set([...first, ...(samples === 0 ? [] : extremes)])];
  return { x: rowsOf(x, rows), y: rowsOf(y, rows) };
}

function rowsOf({ shape: [, ...rest], values }: Dataset["x"], rows: readonly number[]): Dataset["x"] {
  const size = elementCount(rest);
  const kept = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) kept.set(values.subarray(row * size, (row + 1) * size), i * size);
  return { shape: [rows.length, ...rest], values: kept };
}
