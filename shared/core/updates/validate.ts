// Whether an update may touch the model. It comes from outside; a bad one is refused with reasons and costs only itself.
import { type EncodingName, encodings } from "./encoding.ts";
import { clip, quoteName, showShape, type Tensor } from "./safetensors.ts";
import { isSameShape, type ModelShape, type Weights } from "./weights.ts";

/** What the update must be, as the project knows it without asking the client. */
export interface UpdateExpectation {
  readonly model: ModelShape;
  readonly encoding: EncodingName;
  readonly baseVersion: number;
  /** SHA-256 that the client reported, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Largest L2 norm of the whole delta, inclusive. Default: 1e30, so that adding updates cannot overflow a float32. */
  readonly maxNorm?: number;
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
  | "missing-tensor"
  | "unexpected-tensor"
  | "wrong-dtype"
  | "wrong-shape"
  | "not-finite"
  | "norm-too-large";

/** One reason to refuse an update: a code for machines, a sentence for people, and the start of the tensor's name, if any. */
export interface UpdateProblem {
  readonly code: UpdateProblemCode;
  readonly message: string;
  readonly tensor: string | null;
}

/** `norm` is the L2 norm of the whole delta. The delta may share memory with the tensors: do not write into it. */
export type UpdateCheck =
  | { readonly ok: true; readonly delta: Weights; readonly norm: number }
  | { readonly ok: false; readonly problems: readonly UpdateProblem[] };

/** The keys an update carries in the metadata of its file. */
export const updateMetadata = { encoding: "encoding", baseVersion: "baseVersion" } as const;

const maxProblems = 20;
const defaultMaxNorm = 1e30;

/**
 * Checks everything that can be wrong with an update, values last. At most 20 problems are listed. O(parameters);
 * inputs are untouched.
 */
export function checkUpdate(update: ReceivedUpdate, expected: UpdateExpectation): UpdateCheck {
  const problems = checkHeader(update, expected);
  if (update.sha256 !== expected.sha256) {
    const message = "The bytes do not have the SHA-256 that the client reported.";
    problems.unshift(problem("wrong-checksum", message));
  }
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, maxProblems) };

  const delta = encodings[expected.encoding].decode(update.tensors, expected.model);
  let sumOfSquares = 0;
  for (const { name, values } of delta) {
    let squares = 0; // Squares of float32 never overflow a float64, so this is finite if every value is.
    for (let i = 0; i < values.length; i++) squares += (values[i] ?? 0) ** 2;
    sumOfSquares += squares;
    if (Number.isFinite(squares)) continue;
    const bad = values.findIndex((value) => !Number.isFinite(value));
    problems.push(
      problem("not-finite", `Tensor ${quoteName(name)} holds ${values[bad]} at index ${bad}.`, name),
    );
  }
  const norm = Math.sqrt(sumOfSquares);
  const maxNorm = expected.maxNorm ?? defaultMaxNorm;
  if (problems.length === 0 && norm > maxNorm) {
    const message = `The update's L2 norm is ${norm}, at most ${maxNorm} is allowed.`;
    problems.push(problem("norm-too-large", message));
  }
  return problems.length > 0
    ? { ok: false, problems: problems.slice(0, maxProblems) }
    : { ok: true, delta, norm };
}

/** The part of the check that needs no values. */
function checkHeader(update: Omit<ReceivedUpdate, "sha256">, expected: UpdateExpectation): UpdateProblem[] {
  const problems: UpdateProblem[] = [];
  const encoding = update.metadata[updateMetadata.encoding];
  const baseVersion = update.metadata[updateMetadata.baseVersion];
  if (encoding !== expected.encoding) {
    const message = `The update is encoded as ${told(encoding)}, expected "${expected.encoding}".`;
    problems.push(problem("wrong-encoding", message));
  }
  if (baseVersion !== String(expected.baseVersion)) {
    const message = `The update starts from model version ${told(baseVersion)}, expected "${expected.baseVersion}".`;
    problems.push(problem("wrong-base-version", message));
  }
  const given = new Map(update.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, dtype } of encodings[expected.encoding].layout(expected.model)) {
    const tensor = given.get(name);
    given.delete(name);
    const label = `Tensor ${quoteName(name)}`;
    if (tensor === undefined) {
      problems.push(problem("missing-tensor", `${label} is missing.`, name));
    } else if (tensor.dtype !== dtype) {
      problems.push(problem("wrong-dtype", `${label} is ${tensor.dtype}, expected ${dtype}.`, name));
    } else if (!isSameShape(tensor.shape, shape)) {
      const message = `${label} has the shape ${showShape(tensor.shape)}, expected ${showShape(shape)}.`;
      problems.push(problem("wrong-shape", message, name));
    }
  }
  for (const name of given.keys()) {
    problems.push(problem("unexpected-tensor", `The model has no tensor ${quoteName(name)}.`, name));
  }
  return problems;
}

function problem(code: UpdateProblemCode, message: string, tensor: string | null = null): UpdateProblem {
  return { code, message, tensor: tensor === null ? null : clip(tensor) };
}

function told(value: string | undefined): string {
  return value === undefined ? "nothing" : quoteName(value);
}
