// A run's spec: what people write to start a run. Everything has a default but the name and the model.
import * as z from "zod";
import { AggregationOptions } from "../methods/aggregation/options.ts";
import { tiersOf } from "../methods/aggregation/tiersOf.ts";
import { type Face, partsProblems, type SpecProblem, topologyProblems } from "../methods/face.ts";
import { aggregationFaces } from "../methods/registry/aggregationFaces.ts";
import { relayFaces } from "../methods/registry/relayFaces.ts";
import { selectionFaces } from "../methods/registry/selectionFaces.ts";
import { trainingFaces } from "../methods/registry/trainingFaces.ts";
import { RelayOptions } from "../methods/relay/options.ts";
import { SelectionOptions } from "../methods/selection/options.ts";
import { writtenOptimizer } from "../methods/training/optimizerOptions.ts";
import { TrainingOptions } from "../methods/training/options.ts";
import { encodingNames } from "../methods/update/encodings.ts";
import { UpdateTransforms } from "../methods/update/transformOptions.ts";
import { FederatedEvaluationSpec } from "./clientScore.ts";
import { DataName, ModelVersion, RunId } from "./ids.ts";
import { writtenLoss } from "./loss.ts";
import {
  BuiltinMetric,
  Direction,
  hasAccuracy,
  isBuiltinMetric,
  MetricName,
  metricOf,
  THERE_ARE,
  whyNotWith,
  writtenMetric,
} from "./metric.ts";
import { hasLayers, ModelChoice } from "./model.ts";
import { RequiredCode } from "./ownCode.ts";
import { relayProblems } from "./relayProblems.ts";
import { scoredBy, whyNeverCentral } from "./scoredBy.ts";

/** Longest deadline: a Cloud Task may wait 30 minutes for its answer, and a client must end before that. */
export const MAX_DEADLINE_SECONDS = 1_800;

/**
 * Clients in one round of a deployed run, whose document names them all; the simulator knows no such bound.
 */
export const MAX_COHORT = 1_000;

const DeadlineSpec = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("fixed") }),
    z.strictObject({
      kind: z.literal("adaptive"),
      quantile: z.number().gt(0).max(1).default(0.8).describe("Share of the cohort to wait for."),
      slack: z.number().min(0).max(10).default(0.5).describe("Share of the predicted time to wait on top."),
      minSeconds: z.number().min(1).max(MAX_DEADLINE_SECONDS).default(5).describe("The shortest deadline."),
    }),
  ])
  .describe(
    "`fixed`: the deadline is `deadlineSeconds`; `adaptive`: it is as long as the cohort is predicted to take, `deadlineSeconds` at most.",
  )
  .meta({ id: "DeadlineSpec" });
export type DeadlineSpec = z.infer<typeof DeadlineSpec>;

export const RoundSpec = z
  .strictObject({
    deadlineSeconds: z
      .number()
      .min(1)
      .max(MAX_DEADLINE_SECONDS)
      .default(60)
      .describe("From the opening of a round to its deadline."),
    deadline: DeadlineSpec.optional().describe(
      "`fixed`, as where absent: the deadline is `deadlineSeconds`; `adaptive`: it is as long as the cohort is predicted to take, `deadlineSeconds` at most.",
    ),
    minUpdates: z
      .number()
      .int()
      .min(1)
      .max(MAX_COHORT)
      .default(1)
      .describe(
        "At most `selection.cohortSize`. With fewer updates at the deadline it is extended once, then the round is degraded.",
      ),
    extend: z
      .boolean()
      .default(true)
      .describe(
        "Whether the deadline is extended once while fewer than `minUpdates` are in; if not, the round is degraded at once.",
      ),
    quorum: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe(
        "Share of `selection.cohortSize` (of the cohort, where it is smaller) whose updates close the round early, never fewer than `minUpdates`.",
      ),
    onDeadline: z
      .enum(["finish-late", "submit-partial"])
      .default("finish-late")
      .describe(
        "`finish-late`: clients finish and report late; `submit-partial`: they stop in time and report the steps done, and such an update counts for the same share of its samples.",
      ),
    buffer: z
      .strictObject({
        size: z
          .number()
          .int()
          .min(1)
          .max(MAX_COHORT)
          .describe(
            "Updates that close a round, whichever rounds their clients were invited in; 1 to make a version of each.",
          ),
      })
      .optional()
      .describe(
        "Asynchronous rounds, as in FedBuff: `selection.cohortSize` clients are at work at a time, a round closes with `size` updates, and who is still training goes on, each for `deadlineSeconds` at most. Rounds wait for their own cohort where absent.",
      ),
    relay: RelayOptions.optional().describe(
      "The model goes from client to client: the cohort is arranged in groups, in each of which a client trains what the one before it has made, for `deadlineSeconds` at most, and the last models of all groups are aggregated. Clients train beside each other where absent.",
    ),
    sizing: z
      .strictObject({
        method: z.literal("i-prof").default("i-prof").describe("I-Prof: by what a client's reports predict."),
        withinShare: z
          .number()
          .gt(0)
          .max(1)
          .default(0.8)
          .describe(
            "Share of `deadlineSeconds` in which a client's work, a cold start included, should be done.",
          ),
        maxUsd: z
          .number()
          .positive()
          .max(1_000)
          .optional()
          .describe("What the time of one invocation's function should cost at most; any where absent."),
      })
      .optional()
      .describe(
        "Each client trains as many epochs, from 1 to `training.localEpochs`, as it is predicted to manage; all of them where absent.",
      ),
    prewarm: z
      .strictObject({
        idleSeconds: z
          .number()
          .min(0)
          .max(86_400)
          .default(300)
          .describe(
            "How long ago a client must have been last heard of to be called. While a round is folded, up to 500 clients that the next one is likely to invite and that would start cold are called ahead. Without `prewarm` none is.",
          ),
      })
      .optional()
      .describe(
        "While a round is folded, up to 500 clients are called that the next one is likely to invite and that would start cold; never where absent. Its cost is the round's.",
      ),
  })
  .meta({ id: "RoundSpec" });
export type RoundSpec = z.infer<typeof RoundSpec>;

export const StopSpec = z
  .strictObject({
    rounds: z.number().int().min(1).max(9_999).default(10).describe("The run ends after this many rounds."),
    targetAccuracy: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        "The run ends once its best version has this accuracy. With `evaluation.metric` `accuracy` and a test set only.",
      ),
    targetLoss: z
      .number()
      .positive()
      .max(1e30)
      .optional()
      .describe(
        "The run ends once its best version has this loss, or a lower one. With `evaluation.metric` `loss` and a test set only.",
      ),
    target: z
      .strictObject({
        metric: MetricName.describe("Any metric of the run's versions; it also chooses the best version."),
        value: z.number().min(-1e30).max(1e30).describe("What the metric has to reach, inclusive."),
      })
      .optional()
      .describe(
        "The run ends once its best version has this value of the metric, or a better one. With a test set only.",
      ),
    budgetUsd: z
      .number()
      .positive()
      .max(1_000_000)
      .optional()
      .describe("The run ends once it has cost this much; one round may exceed it."),
  })
  .meta({ id: "StopSpec" });
export type StopSpec = z.infer<typeof StopSpec>;

/** Metrics that a run asks for at most. */
const MAX_ASKED = 16;

const EvaluationSpec = z
  .strictObject({
    metric: MetricName.optional().describe(
      "What chooses the best version (of equal ones the one with the lower loss) and what a target is of. Where absent that of `stop.target`, else `accuracy`, or `loss` with a loss that has none, such as `meanSquaredError`.",
    ),
    direction: Direction.optional().describe(
      "Which values of `metric` are better. For metrics of your own trainer, and needed there: of the built-in ones it is known.",
    ),
    metrics: z
      .array(BuiltinMetric)
      .max(MAX_ASKED)
      .optional()
      .describe(
        "Metrics beside loss and accuracy: `binaryAccuracy`, `auc`, `precision`, `recall`, `f1`, `perplexity`, `top5Accuracy` (any number for 5), `meanAbsoluteError`, `rootMeanSquaredError`, `r2`. None where absent.",
      ),
    central: z
      .boolean()
      .optional()
      .describe("Whether the evaluator scores versions on its test set. It does where absent."),
    federated: FederatedEvaluationSpec.optional().describe(
      "Each client keeps a share of its rows apart and scores the incoming version on it before it trains; none does where absent.",
    ),
    by: z
      .enum(["central", "federated"])
      .optional()
      .describe(
        "Whose scores choose the best version and meet a target: the evaluator's on its test set, or the weighted mean of the clients'. Where absent the clients' if they score and nothing else does, else the evaluator's.",
      ),
    data: DataName.optional().describe(
      "Which of the evaluator's data sets versions are scored on; the run's `data` where absent.",
    ),
    every: z
      .number()
      .int()
      .min(1)
      .max(9_999)
      .optional()
      .describe(
        "Versions of every so many rounds are scored, and that of round `stop.rounds`; all of them where absent.",
      ),
    batchSize: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe(
        "Samples that are scored at a time, 250 where absent: fewer take less memory and more time, and give the same score.",
      ),
  })
  .meta({ id: "EvaluationSpec" });

const SpecFields = z.strictObject({
  name: z.string().trim().min(1).max(100).describe("The run's id is made of it."),
  model: ModelChoice,
  data: DataName.optional().describe(
    "Which of their data sets the clients train on, and versions are scored on: 1 to 63 lower-case letters, digits and inner hyphens.",
  ),
  training: TrainingOptions.prefault({}),
  selection: SelectionOptions,
  requires: RequiredCode.optional(),
  aggregation: AggregationOptions.prefault({}),
  round: RoundSpec.prefault({}),
  encoding: z.enum(encodingNames).default("f32").describe("How the numbers of an update travel."),
  transforms: UpdateTransforms.optional().describe(
    "What happens to updates beside their encoding, in the order of the list: clients change what they send, in this order, and the server the aggregate, in the reverse order. None where absent.",
  ),
  evaluation: EvaluationSpec.optional(),
  stop: StopSpec.prefault({}),
  seed: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(1)
    .describe("Initial weights, cohorts and the order of samples are drawn from it."),
  keepInvocationsDays: z
    .number()
    .int()
    .min(7)
    .max(3_650)
    .default(90)
    .describe("After that many days Firestore deletes the run's invocations; the run and its rounds stay."),
});

export const RunSpec = z
  .preprocess(withOwnNames, SpecFields.superRefine(checkCombinations).superRefine(checkCohort))
  .meta({ id: "RunSpec" });
export type RunSpec = z.infer<typeof RunSpec>;

/** Losses, optimizers and metrics by the names that a spec has for them, where Keras has several. */
function withOwnNames(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  return {
    ...spec,
    ...renamed(spec, "training", { loss: writtenLoss, optimizer: writtenOptimizer }),
    ...renamed(spec, "evaluation", {
      metric: writtenMetric,
      metrics: (names) => (Array.isArray(names) ? names.map(writtenMetric) : names),
    }),
    ...(isRecord(spec["stop"])
      ? { stop: { ...spec["stop"], ...renamed(spec["stop"], "target", { metric: writtenMetric }) } }
      : {}),
  };
}

/** A part of a spec with some of its fields as a spec has them. */
function renamed(
  spec: Readonly<Record<string, unknown>>,
  part: string,
  fields: Readonly<Record<string, (written: unknown) => unknown>>,
): Readonly<Record<string, unknown>> {
  const given = spec[part];
  if (!isRecord(given)) return {};
  const own = Object.entries(fields).flatMap(([name, ownName]) =>
    name in given ? [[name, ownName(given[name])]] : [],
  );
  return { [part]: { ...given, ...Object.fromEntries(own) } };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type SpecFields = z.infer<typeof SpecFields>;
/** A spec as it is given, or as a run's document keeps it. */
type AnySpec = Omit<SpecFields, "model"> & { readonly model: object };
type Issues = { addIssue(issue: { code: "custom"; path: string[]; message: string }): void };
type Refuse = (path: string[], message: string) => void;

/** What parts of a spec have against each other, each of which may be sound. */
function checkCombinations(spec: AnySpec, issues: Issues): void {
  checkMetric(spec, issues);
  checkWithoutTopology(spec, issues);
  if (spec.round.minUpdates > spec.selection.cohortSize) {
    const message = "must not exceed selection.cohortSize: such a round could never close";
    issues.addIssue({ code: "custom", path: ["round", "minUpdates"], message });
  }
  checkBuffer(spec, issues);
  checkMethods(spec, issues);
}

/**
 * What does not go together in a spec whose parts are sound; nothing in one that a run can be created of. How
 * many clients a deployment's round may have is not asked: a simulation may have more.
 */
export function combinationProblems(spec: StoredRunSpec): readonly SpecProblem[] {
  const problems: SpecProblem[] = [];
  checkCombinations(spec, { addIssue: ({ path, message }) => problems.push({ path, message }) });
  return problems;
}

function checkCohort({ selection }: AnySpec, { addIssue }: Issues): void {
  if (selection.cohortSize <= MAX_COHORT) return;
  const message = `must not exceed ${MAX_COHORT}: a round's document names its whole cohort`;
  addIssue({ code: "custom", path: ["selection", "cohortSize"], message });
}

/** What each of the methods that a spec names has against the rest of it. */
function checkMethods(spec: AnySpec, { addIssue }: Issues): void {
  const selection: Face | undefined = selectionFaces.find(({ name }) => name === spec.selection.strategy);
  const aggregation: Face | undefined = aggregationFaces.find(
    ({ name }) => name === spec.aggregation.strategy,
  );
  const training: Face | undefined = trainingFaces.find(({ name }) => name === spec.training.method);
  const relay: Face | undefined = relayFaces.find(({ name }) => name === spec.round.relay?.strategy);
  const methods = [
    { path: ["selection", "strategy"], face: selection, own: spec.selection },
    { path: ["aggregation", "strategy"], face: aggregation, own: spec.aggregation },
    { path: ["training", "method"], face: training, own: spec.training },
    { path: ["round", "relay", "strategy"], face: relay, own: spec.round.relay },
  ].flatMap(({ path, face, own }) => (face === undefined ? [] : [{ path, face, own }]));
  // Rules on combinations read sound options; what is wrong with the others is said already.
  const sound = methods.filter(({ face, own }) => face.options.safeParse(own).success);
  const problems = [
    ...sound.flatMap(({ face }) => face.problems?.(spec) ?? []),
    ...partsProblems(training, aggregation),
    ...relayProblems(spec, training),
    ...(hasLayers(spec.model) ? [] : topologyProblems(methods)),
  ];
  for (const { path, message } of problems) {
    addIssue({ code: "custom", path: [...path], message });
  }
}

/**
 * A metric that the loss does not have, or a target that could never be met, is a mistake that would cost a
 * whole run.
 */
function checkMetric(spec: AnySpec, { addIssue }: Issues): void {
  const refuse: Refuse = (path, message) => addIssue({ code: "custom", path, message });
  const { evaluation } = spec;
  const { loss } = spec.training;
  const asked = (evaluation?.metrics ?? []).map((name, i) => [["evaluation", "metrics", String(i)], name]);
  const named = evaluation?.metric === undefined ? [] : [[["evaluation", "metric"], evaluation.metric]];
  for (const [path, name] of [...named, ...asked] as [string[], string][]) {
    const why = isBuiltinMetric(name) ? whyNotWith(name, loss) : null;
    if (why !== null) refuse(path, name === "accuracy" ? `must be loss: ${why}` : `${why}; leave it out`);
  }
  const metric = metricOf(spec);
  if (isBuiltinMetric(metric) && evaluation?.direction !== undefined) {
    refuse(["evaluation", "direction"], `is for metrics of your own: leave it out for ${metric}`);
  } else if (!isBuiltinMetric(metric) && evaluation?.direction === undefined) {
    const path = evaluation?.metric === undefined ? ["stop", "target", "metric"] : ["evaluation", "metric"];
    refuse(
      path,
      `"${metric}" is not built in, ${THERE_ARE}; for a metric of your own trainer, say in evaluation.direction whether higher or lower is better`,
    );
  }
  checkScoring(spec, refuse);
  checkTargets(spec, refuse);
}

/** Rounds within reach are looked at one by one where rounds are not buffered. */
const MAX_REACH = 50;

/** What makes no sense with rounds that wait for no cohort, and what only they may have. */
function checkBuffer(spec: AnySpec, { addIssue }: Issues): void {
  const refuse: Refuse = (path, message) => addIssue({ code: "custom", path, message });
  const { round, selection, aggregation, evaluation } = spec;
  const { buffer } = round;
  const tiers = tiersOf(spec);
  if (buffer === undefined && tiers === null) {
    if (aggregation.staleness.maxRounds > MAX_REACH) {
      const path = ["aggregation", "staleness", "maxRounds"];
      refuse(
        path,
        `must be at most ${MAX_REACH}, or more with round.buffer or aggregation.strategy fedat only`,
      );
    }
    return;
  }
  if (tiers !== null) checkTiers(spec, tiers, refuse);
  else if (buffer !== undefined) checkSize(spec, buffer.size, refuse);
  const where = tiers === null ? "round.buffer" : `aggregation.strategy ${aggregation.strategy}`;
  const idle = `has no meaning with ${where}`;
  if (round.quorum !== 1)
    refuse(["round", "quorum"], `${idle}, which says when a round closes: leave it out`);
  if ((selection.overSelect ?? 0) > 0) {
    refuse(["selection", "overSelect"], `${idle}: raise selection.cohortSize instead`);
  }
  if (round.deadline?.kind === "adaptive") {
    refuse(
      ["round", "deadline"],
      `${idle}: the deadline is each client's own, deadlineSeconds after it was invited`,
    );
  }
  if (round.prewarm !== undefined) {
    refuse(
      ["round", "prewarm"],
      `${idle}: clients are invited as soon as others have reported; leave it out`,
    );
  }
  if ("paperFaithful" in selection && selection.paperFaithful) {
    refuse(["selection", "paperFaithful"], `${idle}: what was published waits for its cohort`);
  }
  if (evaluation?.federated !== undefined) {
    const message = `${idle}: clients score the version they were given, which is an old one by then; have the evaluator score`;
    refuse(["evaluation", "federated"], message);
  }
  if ("late" in aggregation && aggregation.late === "exclude") {
    const message = "must be count with round.buffer: most updates are of earlier rounds";
    refuse(["aggregation", "late"], message);
  }
}

function checkSize({ round, selection }: AnySpec, size: number, refuse: Refuse): void {
  if (size > selection.cohortSize) {
    refuse(
      ["round", "buffer", "size"],
      "must not exceed selection.cohortSize: no more clients are at work at a time",
    );
  }
  if (round.minUpdates > size) {
    refuse(["round", "minUpdates"], "must not exceed round.buffer.size: such a round could never close");
  }
}

/** What makes no sense where clients are in tiers. */
function checkTiers({ round, selection, aggregation }: AnySpec, tiers: number, refuse: Refuse): void {
  const { strategy } = aggregation;
  if (round.buffer !== undefined) {
    refuse(["round", "buffer"], `has no meaning with ${strategy}: a version is made of a tier's updates`);
  }
  if (round.relay !== undefined) {
    refuse(["round", "relay"], `has no meaning with ${strategy}, whose clients train beside each other`);
  }
  if (round.minUpdates !== 1) {
    const message = `must be 1 with ${strategy}: a tier's version is made of those of its cohort that answer`;
    refuse(["round", "minUpdates"], message);
  }
  if (selection.cohortSize < tiers) {
    const message = `must be at least aggregation.tiers, ${tiers}: each tier has a client at work`;
    refuse(["selection", "cohortSize"], message);
  }
  if (selection.strategy !== "random") {
    const message = `must be random with ${strategy}: its tiers go by speed already, and within one all clients are alike`;
    refuse(["selection", "strategy"], message);
  }
}

function checkScoring(spec: AnySpec, refuse: Refuse): void {
  const { by, federated } = spec.evaluation ?? {};
  if (by === "federated" && federated === undefined) {
    refuse(["evaluation", "by"], 'needs "federated": {} beside it, so that clients score');
  }
  const why = by === "central" ? whyNeverCentral(spec) : null;
  if (why !== null) refuse(["evaluation", "by"], `cannot be central: ${why}; leave it out`);
}

const TARGETS = ["targetAccuracy", "targetLoss", "target"] as const;

function checkTargets(spec: AnySpec, refuse: Refuse): void {
  const { targetAccuracy, targetLoss, target } = spec.stop;
  const { loss } = spec.training;
  const metric = metricOf(spec);
  const given = TARGETS.filter((name) => spec.stop[name] !== undefined);
  for (const name of given) {
    const why = whyNeverScored(spec);
    if (why !== null) refuse(["stop", name], `cannot be reached: ${why}`);
  }
  if (targetAccuracy !== undefined && (metric !== "accuracy" || !hasAccuracy(loss))) {
    const why = hasAccuracy(loss) ? `evaluation.metric is ${metric}` : `with ${loss} there is no accuracy`;
    const remedy = metric === "loss" ? "use stop.targetLoss" : "use stop.target";
    refuse(["stop", "targetAccuracy"], `cannot be reached: ${why}; ${remedy}`);
  }
  if (targetLoss !== undefined && metric !== "loss") {
    refuse(
      ["stop", "targetLoss"],
      'needs "evaluation": { "metric": "loss" }, so that the best version is the one of the lowest loss',
    );
  }
  if (target === undefined) return;
  const why = isBuiltinMetric(target.metric) ? whyNotWith(target.metric, loss) : null;
  if (why !== null) refuse(["stop", "target", "metric"], `cannot be reached: ${why}`);
  if (target.metric !== metric) {
    refuse(
      ["stop", "target", "metric"],
      `must be ${metric}, as evaluation.metric is: the best version is the one that is compared with the target`,
    );
  }
}

/** Why no version of the run is ever scored, with the remedy; null where they are. */
function whyNeverScored(spec: AnySpec): string | null {
  if (scoredBy(spec) === "federated") return null;
  const why = whyNeverCentral(spec);
  return why === null
    ? null
    : `${why}; leave the target out, or have clients score with evaluation.federated`;
}

/** Of `evaluation`, what only the evaluator can do, with a topology; and what clients can as well. */
const CENTRAL = ["data", "every"] as const;
const OF_BOTH = ["metrics", "batchSize"] as const;

function checkWithoutTopology({ model, evaluation }: AnySpec, { addIssue }: Issues): void {
  if (hasLayers(model) || evaluation === undefined) return;
  const onlyCentral = [...CENTRAL, ...(evaluation.federated === undefined ? OF_BOTH : [])];
  const asked = onlyCentral.filter((name) => evaluation[name] !== undefined);
  for (const name of [...asked, ...(evaluation.central === true ? ["central"] : [])]) {
    addIssue({
      code: "custom",
      path: ["evaluation", name],
      message: "is of scores on the test set, and without a topology there are none: leave it out",
    });
  }
}

const StoredWeights = z.strictObject({
  object: z.string().describe("The object of the upload, or of the version, in the model bucket."),
  partial: z.boolean(),
  from: z
    .strictObject({ runId: RunId, version: ModelVersion })
    .optional()
    .describe("The version that it is of another run; absent for an upload."),
});
export type StoredWeights = z.infer<typeof StoredWeights>;

/**
 * The spec as a run's document keeps it: a topology of the user's own lies in the bucket, never in a
 * document.
 */
export const StoredRunSpec = SpecFields.extend({
  model: z.union([
    z.strictObject({ builtin: z.string(), weights: StoredWeights.optional() }),
    z.strictObject({
      object: z.string().describe("The topology's object in the model bucket."),
      weights: StoredWeights.optional(),
    }),
    z.strictObject({
      parameters: z
        .string()
        .describe("The object of the model as it was given, without a topology, in the model bucket."),
      weights: StoredWeights,
    }),
  ]),
});
export type StoredRunSpec = z.infer<typeof StoredRunSpec>;
