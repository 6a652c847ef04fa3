// Whether an update may touch the model. It comes from outside; a bad one is refused with reasons and costs
// only itself.
import { type Covers, coveredShape, placedAt } from "../../updates/covers.ts";
import { l2Norm } from "../../updates/norm.ts";
import { clip, quoteName, showShape, type Tensor } from "../../updates/safetensors.ts";
import {
  hasStatistics,
  isSameShape,
  type ModelShape,
  sentParameters,
  type Weights,
} from "../../updates/weights.ts";
import { encodingOf } from "./encodingOf.ts";
import type { EncodingName } from "./encodings.ts";
import type { NormRule } from "./norm-bound/face.ts";
import { clipScale, largestNorm } from "./norm-bound/index.ts";
import { decodeDelta } from "./updateMethod.ts";

/** What the update must be, as the project knows it without asking the client. */
export interface UpdateExpectation {
  readonly model: ModelShape;
  /** The parts of the parameters that it has; all of them where absent. */
  readonly covers?: Covers;
  readonly encoding: EncodingName;
  readonly baseVersion: number;
  /** SHA-256 that the client reported, in lower-case hexadecimal. */
  readonly sha256: string;
  /**
   * How far it may move the model. Default: no bound but the one that keeps a sum of updates within float32.
   */
  readonly norm?: NormRule;
}

/** The decoded file, and the SHA-256 of its bytes as the caller computed it. */
export interface ReceivedUpdate {
  readonly tensors: readonly Tensor[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly sha256: string;
}

export type UpdateProblemCode =
  | "unreadable"
  | "wrong-checksum"
  | "wrong-encoding"
  | "wrong-base-version"
  | "wrong-statistics"
  | "missing-tensor"
  | "unexpected-tensor"
  | "wrong-dtype"
  | "wrong-shape"
  | "not-finite"
  | "out-of-range"
  | "norm-too-large";

/**
 * One reason to refuse an update: a code for machines, a sentence for people, and the start of the tensor's
 * name, if any.
 */
export interface UpdateProblem {
  readonly code: UpdateProblemCode;
  readonly message: string;
  readonly tensor: string | null;
}

/**
 * `delta` has the parameters that an update holds: deltas of the trained ones, values of the statistics.
 * `norm` is the L2 norm of the trained ones as they were sent, `scale` in (0, 1] what their values count
 * times; below 1 they are clipped. The delta may share memory with the tensors: do not write into it. A part
 * of a parameter says where it lies (`at`).
 */
export type UpdateCheck =
  | { readonly ok: true; readonly delta: Weights; readonly norm: number; readonly scale: number }
  | { readonly ok: false; readonly problems: readonly UpdateProblem[] };

/** The keys an update carries in the metadata of its file. */
export const updateMetadata = {
  encoding: "encoding",
  baseVersion: "baseVersion",
  /** How statistics are given, of a model that has any: "values". */
  statistics: "statistics",
} as const;

export const STATISTICS_ARE_VALUES = "values";

const maxProblems = 20;

/** No update is larger whatever the rule, so that adding them up cannot overflow a float32. */
const overflowNorm = 1e30;

/**
 * Checks everything that can be wrong with an update, values last. At most 20 problems are listed.
 * O(parameters); inputs are untouched. Values that are not numbers and norms beyond float32 are refused
 * whatever the rule.
 */
export function checkUpdate(update: ReceivedUpdate, expected: UpdateExpectation): UpdateCheck {
  const problems = checkHeader(update, expected);
  if (update.sha256 !== expected.sha256) {
    const message =
      "The bytes do not have the SHA-256 that the client reported: upload the very file that is reported.";
    problems.unshift(problem("wrong-checksum", message));
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, maxProblems) };

  const sent = expectedShape(expected);
  const delta = decodeDelta(encodingOf(expected.encoding), update.tensors, sent);
  const norm = l2Norm(delta.filter((_, i) => sent[i]?.role !== "statistic"));
  const bad = [...(Number.isFinite(norm) ? [] : notFinite(delta)), ...badStatistics(delta, sent)];
  if (bad.length > 0) return { ok: false, problems: bad.slice(0, maxProblems) };

  const rule: NormRule = expected.norm ?? { action: "none" };
  const maxNorm = Math.min(largestNorm(rule), overflowNorm);
  const scale = clipScale(norm, rule);
  if (norm <= maxNorm) return { ok: true, delta: inPlace(delta, expected), norm, scale };
  const message = `The update's L2 norm is ${norm}, at most ${maxNorm} is allowed: lower the learning rate, or see aggregation.norm.`;
  return { ok: false, problems: [problem("norm-too-large", message)] };
}

/** The parameters that it holds, each with the shape of its part. */
function expectedShape({ model, covers }: UpdateExpectation): ModelShape {
  return covers === undefined ? sentParameters(model) : coveredShape(model, covers);
}

function inPlace(delta: Weights, { model, covers }: UpdateExpectation): Weights {
  return covers === undefined ? delta : placedAt(delta, model, covers);
}

/** Statistics that no data can have: an average of them would stay in the model for good. */
function badStatistics(delta: Weights, sent: ModelShape): UpdateProblem[] {
  return delta.flatMap(({ name, values }, i) => {
    const { role, min = -overflowNorm } = sent[i] ?? {};
    if (role !== "statistic") return [];
    const bad = values.findIndex((value) => !(value >= min && value <= overflowNorm));
    if (bad === -1) return [];
    const value = values[bad] ?? Number.NaN;
    if (!Number.isFinite(value)) return notFinite(delta.slice(i, i + 1));
    const message = `Statistic ${quoteName(name)} holds ${value} at index ${bad}, it must be in ${min}..${overflowNorm}: send its value after training, not a difference.`;
    return [problem("out-of-range", message, name)];
  });
}

function notFinite(delta: Weights): UpdateProblem[] {
  return delta.flatMap(({ name, values }) => {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad === -1) return [];
    const message = `Tensor ${quoteName(name)} holds ${values[bad]} at index ${bad}: lower the learning rate or check the data.`;
    return [problem("not-finite", message, name)];
  });
}

/** The part of the check that needs no values. */
function checkHeader(update: Omit<ReceivedUpdate, "sha256">, expected: UpdateExpectation): UpdateProblem[] {
  const problems: UpdateProblem[] = [];
  const encoding = update.metadata[updateMetadata.encoding];
  const baseVersion = update.metadata[updateMetadata.baseVersion];
  if (encoding !== expected.encoding) {
    const message = `The update is encoded as ${quotedOrNothing(encoding)}, expected "${expected.encoding}": encode as the grant says.`;
    problems.push(problem("wrong-encoding", message));
  }
  if (baseVersion !== String(expected.baseVersion)) {
    const message = `The update starts from model version ${quotedOrNothing(baseVersion)}, expected "${expected.baseVersion}": train from the grant's model.`;
    problems.push(problem("wrong-base-version", message));
  }
  const statistics = update.metadata[updateMetadata.statistics];
  const sent = expectedShape(expected);
  if (hasStatistics(sent) && statistics !== STATISTICS_ARE_VALUES) {
    const message = `The update gives its statistics as ${quotedOrNothing(statistics)}, expected "${STATISTICS_ARE_VALUES}": send the values after training of the grant's parameters whose role is statistic, and say so in the metadata.`;
    problems.push(problem("wrong-statistics", message));
  }
  const given = new Map(update.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, dtype } of encodingOf(expected.encoding).layout(sent)) {
    const tensor = given.get(name);
    given.delete(name);
    const label = `Tensor ${quoteName(name)}`;
    if (tensor === undefined) {
      const remedy =
        expected.covers === undefined
          ? "send every parameter of the grant"
          : "send the part of each parameter that the grant's covers name";
      problems.push(problem("missing-tensor", `${label} is missing: ${remedy}.`, name));
    } else if (tensor.dtype !== dtype) {
      problems.push(problem("wrong-dtype", `${label} is ${tensor.dtype}, expected ${dtype}.`, name));
    } else if (!isSameShape(tensor.shape, shape)) {
      const message = `${label} has the shape ${showShape(tensor.shape)}, expected ${showShape(shape)}.`;
      problems.push(problem("wrong-shape", message, name));
    }
  }
  for (const name of given.keys()) {
    const parameter = expected.model.find((known) => known.name === name);
    const message =
      parameter !== undefined
        ? `Tensor ${quoteName(name)} is ${parameter.role === "frozen" ? "frozen" : "not assigned to this client"}: leave it out.`
        : `The model has no tensor ${quoteName(name)}: send the parameters of the grant only.`;
    problems.push(problem("unexpected-tensor", message, name));
  }
  return problems;
}

function problem(code: UpdateProblemCode, message: string, tensor: string | null = null): UpdateProblem {
  return { code, message, tensor: tensor === null ? null : clip(tensor) };
}

function quotedOrNothing(value: string | undefined): string {
  return value === undefined ? "nothing" : quoteName(value);
}
