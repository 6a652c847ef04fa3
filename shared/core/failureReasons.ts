// Why a client could not do what a run asks of it, in words that other organisations may read: one row a
// reason. Whatever a library, a file or the owner's own code says stays in the owner's log.

interface ReasonRow {
  /** What is told where nothing more precise may be. */
  readonly text: string;
  /**
   * Whether no repetition changes it: the client is left out of the run's next rounds, until something that
   * might is known.
   */
  readonly lasting: boolean;
}

export const FAILURE_REASONS = {
  "owner-refuses": {
    text: "The client's owner does not allow what the run asks for.",
    lasting: true,
  },
  "older-release": {
    text: "The client's function is of an older release than the run needs: deploy this release there.",
    lasting: true,
  },
  "no-data": {
    text: "The client's data set is not there, or its function may not read it.",
    lasting: true,
  },
  "bad-data": {
    text: "The client's data set, or the features file that describes it, cannot be used.",
    lasting: true,
  },
  "data-too-large": {
    text: "The client's data set does not fit into its function's memory.",
    lasting: true,
  },
  "data-misfit": {
    text: "The client's data do not fit the run's model and loss.",
    lasting: true,
  },
  "no-backend": {
    text: "The TensorFlow backend that the client's function is to work with does not load there.",
    lasting: true,
  },
  "unsupported-model": {
    text: "The client's function cannot train a model of this kind.",
    lasting: true,
  },
  "missing-code": {
    text: "The client's function lacks code of the owner's that the run requires.",
    lasting: true,
  },
  "out-of-memory": {
    text: "The client's function has too little memory for this model, batch and data set.",
    lasting: true,
  },
  "bad-grant": {
    text: "What the grant asks for, or what its links lead to, cannot be used.",
    lasting: false,
  },
  diverged: {
    text: "Training diverged: lower the learning rate, or check the data.",
    lasting: false,
  },
  "no-time": {
    text: "The deadline had passed before the first step.",
    lasting: false,
  },
  "own-code-failed": {
    text: "The owner's own code failed.",
    lasting: false,
  },
  "training-failed": {
    text: "The model cannot be trained on the client's data.",
    lasting: false,
  },
  "storage-refused": {
    text: "The storage did not take what the client made.",
    lasting: false,
  },
  "not-now": {
    text: "Something that the client's function needs did not answer.",
    lasting: false,
  },
  internal: {
    text: "The client's function failed unexpectedly.",
    lasting: false,
  },
} as const satisfies Readonly<Record<string, ReasonRow>>;

export type FailureReason = keyof typeof FAILURE_REASONS;

/** Beyond our own reasons, those of clients of other releases and in other languages. */
function rowOf(reason: string): ReasonRow | undefined {
  return Object.hasOwn(FAILURE_REASONS, reason) ? FAILURE_REASONS[reason as FailureReason] : undefined;
}

/** Whether no repetition changes it. Of a reason that is not known, it may. */
export function isLasting(reason: string): boolean {
  return rowOf(reason)?.lasting ?? false;
}

/** The reason in words. */
export function reasonText(reason: string): string {
  return rowOf(reason)?.text ?? `The client reports "${reason.slice(0, 40)}".`;
}
