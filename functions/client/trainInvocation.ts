// One invocation from claim to report. Stateless: everything it needs comes with the grant or from its
// owner's data.
import { createHash } from "node:crypto";
import { step } from "../../shared/cloud/steps.ts";
import { scoreVersion } from "../../shared/cloud/tensors/scoreVersion.ts";
import { FlError, NEEDS_PERSON, needsPerson } from "../../shared/core/errors.ts";
import {
  clientStateShape,
  methodState,
  stateAfter,
  withLocal,
} from "../../shared/core/methods/training/clientState.ts";
import { gotShape, pickedFrom } from "../../shared/core/methods/training/methodTensors.ts";
import { hooksOf } from "../../shared/core/methods/training/trainingOf.ts";
import { makeUpdate } from "../../shared/core/methods/update/makeUpdate.ts";
import { readTopology } from "../../shared/core/models/topology.ts";
import type { DataStream, Dataset, TrainResult } from "../../shared/core/ports/trainer.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { randomFrom } from "../../shared/core/random.ts";
import { CLIENT_RELEASE } from "../../shared/core/round/clientRelease.ts";
import type { ClientStatePointer } from "../../shared/core/schemas/clientState.ts";
import type { TrainingFacts } from "../../shared/core/schemas/invocation.ts";
import type { Grant, Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import { Signals } from "../../shared/core/schemas/signals.ts";
import { coveredShape } from "../../shared/core/updates/covers.ts";
import {
  decodeSafetensors,
  maxFileBytes,
  quoteName,
  safetensorsParts,
} from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, tensorsOf, type Weights, weightsOf } from "../../shared/core/updates/weights.ts";
import type { TrainingDeps } from "./deps.ts";
import { toldFailure } from "./failure.ts";
import { readModel, withoutTopology } from "./grantedModel.ts";
import { nothingToDo } from "./nothingToDo.ts";
import { checkBounds } from "./ownerRules.ts";
import { withOwnMetrics } from "./ownMetrics.ts";
import { startOf } from "./relayStart.ts";
import { Stopwatch } from "./stopwatch.ts";
import { readTeachers } from "./teachers.ts";

/**
 * Time kept free before the deadline for uploading and reporting what is done, beside twice the download's.
 */
const SUBMIT_MARGIN_MS = 1_000;

/**
 * Trains one invocation and returns what came of it, in words.
 *
 * @param dueMs when the queue was to send the task.
 * @throws FlError with a retry verdict when the invocation can be tried again; a permanent failure is
 *   reported instead.
 */
export async function trainInvocation(
  task: TaskBody<"invoke">,
  dueMs: number | null,
  deps: TrainingDeps,
): Promise<string> {
  const { runId, round, clientId } = task;
  const log = deps.log.with({ runId, round, clientId });
  const watch = new Stopwatch(deps.nowMs);
  const coldStartMs = deps.takeColdStart();
  const coldStart = coldStartMs !== null;
  watch.set("coldStartMs", coldStartMs ?? 0);
  watch.set("queueWaitMs", dueMs === null ? 0 : Math.max(0, deps.nowMs() - dueMs - (coldStartMs ?? 0)));

  let grant: Grant;
  try {
    const { code } = deps;
    const asked = {
      ...{ runId, round, clientId, coldStart, release: CLIENT_RELEASE },
      ...(code === undefined ? {} : { code }),
    };
    grant = await watch.time("claimMs", () => step("call claim", () => deps.coordinator.claim(asked)));
  } catch (error) {
    return nothingToDo(error, log);
  }

  let brought: Brought;
  const bytes = { down: 0, up: 0 };
  try {
    brought = await trainAndUpload(task, grant, watch, bytes, deps);
  } catch (error) {
    const failure = toldFailure(error, watch.phase);
    if (failure === null) throw error;
    if (error instanceof FlError && needsPerson(error))
      log.error(NEEDS_PERSON, { code: error.code, reason: error.message, error });
    else log.error("training failed for good", { error });
    brought = { result: { kind: "failure", failure } };
  }
  let receipt: Receipt;
  try {
    const report: ReportRequest = {
      runId,
      round,
      clientId,
      attempt: grant.attempt,
      sentAt: deps.nowMs(),
      coldStart,
      timings: watch.timings(),
      bytesDown: bytes.down,
      bytesUp: bytes.up,
      peakRssMib: deps.peakRssMib(),
      ...brought,
    };
    receipt = await step("call report", () => deps.coordinator.report(report));
  } catch (error) {
    return nothingToDo(error, log);
  }
  log.info("reported", { status: receipt.status, reason: receipt.reason, ...watch.timings() });
  return receipt.status;
}

/** What a report says of the training itself. */
type Brought = Pick<
  ReportRequest,
  "result" | "signals" | "data" | "metrics" | "evaluation" | "evaluationLeftOut" | "labelCounts"
>;

async function trainAndUpload(
  { clientId, round }: TaskBody<"invoke">,
  grant: Grant,
  watch: Stopwatch,
  bytes: { down: number; up: number },
  deps: TrainingDeps,
): Promise<Brought> {
  checkBounds(grant, deps.bounds);
  const { topology: topologyLink } = grant;
  // An owner's own trainer may need none.
  if (topologyLink === undefined && deps.code?.trainer === undefined) throw withoutTopology();
  // Nothing is trained for an update that could not be made.
  if (grant.covers !== undefined) coveredShape(grant.parameters, grant.covers);
  const [topologyRead, modelRead, kept, besideVersion, teachers] = await watch.time("downloadMs", () =>
    Promise.all([
      topologyLink === undefined
        ? undefined
        : deps.downloadShared(topologyLink, "the topology", deps.bounds.maxTopologyBytes ?? Infinity),
      deps.downloadShared(grant.model, "the model", maxFileBytes(float32(grant.parameters))),
      downloadState(grant, deps),
      downloadVersionState(grant, deps),
      readTeachers(grant, deps),
    ]),
  );
  bytes.down = [
    topologyRead?.receivedBytes,
    modelRead.receivedBytes,
    kept?.sizeBytes,
    besideVersion?.sizeBytes,
    teachers.receivedBytes,
  ]
    .map((sizeBytes) => sizeBytes ?? 0)
    .reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  const topology = topologyRead === undefined ? undefined : readTopology(topologyRead.content);
  const version = readModel(modelRead.content, grant);
  const weights = withLocal(version, kept?.weights ?? null, grant.parameters);
  const start = await watch.time("downloadMs", () => startOf(grant, weights, deps));
  bytes.down += start.sizeBytes;
  const untilMs = grant.onDeadline === "submit-partial" ? grant.deadlineAt : undefined;
  const data = await watch.time("dataMs", () => deps.readData({ clientId, data: grant.data, untilMs }));
  const { facts: read } = data;
  if (read !== undefined && read.refused.length > 0) {
    deps.log.warn("rows of the data cannot be used", { round, clientId, ...read });
  }
  const trainer = await watch.time("coldStartMs", () => deps.trainer());

  const labelCounts = await watch.time("dataMs", () => toldLabels(grant, data, round, deps));
  const { deadlineAt, onDeadline, training, seed } = grant;
  const stopMs = Math.min(
    onDeadline === "submit-partial"
      ? deadlineAt - SUBMIT_MARGIN_MS - 2 * watch.timings().downloadMs
      : Number.POSITIVE_INFINITY,
    deps.nowMs() + (deps.bounds.maxTrainMs ?? Number.POSITIVE_INFINITY),
  );
  const { evaluation } = grant;
  const scored =
    evaluation === undefined
      ? { training: data, score: {} }
      : await watch.time("evaluateMs", () => {
          const { loss } = training;
          const model = { version: grant.baseVersion, topology, weights };
          const task = { ...evaluation, ...model, seed, loss, data, stopMs };
          return scoreVersion(task, trainer, deps.nowMs, (error) =>
            deps.log.warn("the version cannot be scored", { round, clientId, version: model.version, error }),
          );
        });
  const trained = await watch.time("trainMs", () =>
    trainer.train({
      topology,
      weights: start.weights,
      parameters: grant.parameters,
      data: scored.training,
      training,
      covers: grant.covers,
      state: methodState(kept?.weights ?? null, hooksOf(training), grant.parameters),
      got: pickedFrom(besideVersion?.weights ?? null, gotShape(training, grant.parameters)),
      ...(teachers.weights.length === 0 ? {} : { teachers: teachers.weights }),
      seed,
      round,
      clientId,
      ...(Number.isFinite(stopMs) ? { deadlineMs: stopMs } : {}),
    }),
  );
  if (trained.steps === 0) {
    throw new FlError("failed-precondition", "The deadline had passed before the first step.", {
      reason: "no-time",
    });
  }
  if (trained.eagerReason !== undefined) {
    deps.log.info("steps ran one operation after the other", {
      round,
      clientId,
      reason: trained.eagerReason,
    });
  }
  const signals = checkedSignals(trained);

  // Before the delta is written over what was trained.
  const clientState = await uploadState(trained, grant, watch, bytes, deps);
  const { encoding, transforms, baseVersion, parameters: model, covers } = grant;
  const { beside } = trained;
  const recipe = { encoding, transforms, baseVersion, model, covers, beside, seed, round, clientId };
  const file = makeUpdate(trained.weights, weights, recipe);
  const pointer = pointerTo(file);
  await watch.time("uploadMs", () => step("upload", () => deps.upload(grant.update, file, "the update")));
  bytes.up += pointer.sizeBytes;
  const update = { attempt: grant.attempt, ...pointer };
  const result = {
    kind: "update",
    update,
    training: facts(trained, trainer.backend, (grant.teachers?.length ?? 0) - teachers.weights.length),
    ...(start.passedOver === 0 ? {} : { passedOver: start.passedOver }),
    ...(clientState === undefined ? {} : { clientState }),
  } as const;
  return {
    result,
    ...(signals === undefined ? {} : { signals }),
    ...(read === undefined ? {} : { data: read }),
    ...(labelCounts === undefined ? {} : { labelCounts }),
    ...withOwnMetrics(scored.score, { ...data.metrics?.(), ...trained.metrics }, grant, trained.samples),
  };
}

/** Nothing of the labels leaves the client unless the run asks for it and its owner has allowed it. */
async function toldLabels(
  { labelCounts, seed }: Grant,
  data: Dataset | DataStream,
  round: number,
  { bounds }: TrainingDeps,
): Promise<number[] | undefined> {
  if (labelCounts === undefined || bounds.maxLabelCounts === undefined) return undefined;
  const { countLabels } = await import("../../shared/cloud/tensors/countLabels.ts");
  return countLabels(data, bounds.maxLabelCounts, randomFrom(seed, round, "labels"));
}

/** Tensors that were downloaded. */
interface Downloaded {
  readonly weights: Weights;
  readonly sizeBytes: number;
}

/**
 * What this client has kept since its last counted report; null where it begins anew.
 *
 * @throws FlError("data-loss") for other bytes than it has written.
 */
async function downloadState(
  { clientState, training, parameters }: Grant,
  deps: TrainingDeps,
): Promise<Downloaded | null> {
  const previous = clientState?.previous ?? null;
  if (previous === null) return null;
  const file = await deps.download(previous.link, "the client's state", previous.sizeBytes);
  const isSame =
    file.byteLength === previous.sizeBytes &&
    createHash("sha256").update(file).digest("hex") === previous.sha256;
  if (!isSame) {
    const message =
      "The client's state is not what its last report has named: remove its object, and the client begins anew.";
    throw new FlError("data-loss", message, { retry: "never", reason: "bad-grant" });
  }
  const shape = clientStateShape(training, parameters);
  return { weights: weightsOf(decodeSafetensors(file).tensors, shape), sizeBytes: file.byteLength };
}

/** What the aggregation keeps beside the version, as far as the method works with it; null where there is none yet. */
async function downloadVersionState(
  { versionState, training, parameters }: Grant,
  deps: TrainingDeps,
): Promise<Downloaded | null> {
  if (versionState === undefined) return null;
  const shape = gotShape(training, parameters);
  const file = await deps.download(
    versionState,
    "what is kept beside the version",
    maxFileBytes(float32(shape)),
  );
  const { tensors } = decodeSafetensors(file);
  const names = new Set(shape.map(({ name }) => name));
  const weights = weightsOf(
    tensors.filter(({ name }) => names.has(name)),
    shape,
  );
  return { weights, sizeBytes: file.byteLength };
}

/** Uploads what this client keeps for its next invocation; undefined where it keeps nothing. */
async function uploadState(
  { weights, state }: TrainResult,
  { clientState, training, parameters, baseVersion }: Grant,
  watch: Stopwatch,
  bytes: { up: number },
  deps: TrainingDeps,
): Promise<ClientStatePointer | undefined> {
  if (clientState === undefined) return undefined;
  const kept = stateAfter(weights, state, training, parameters);
  // It would be what every later training of this client starts from.
  const bad = kept.find(({ values }) => !values.every(Number.isFinite));
  if (bad !== undefined) {
    const message = `Training diverged: ${quoteName(bad.name)}, which the client keeps, is not finite: lower the learning rate or check the data.`;
    throw new FlError("invalid-argument", message, { retry: "never", reason: "diverged" });
  }
  const file = safetensorsParts(tensorsOf(kept), { baseVersion: String(baseVersion) });
  const pointer = pointerTo(file);
  await watch.time("uploadMs", () =>
    step("upload", () => deps.upload(clientState.next, file, "the client's state")),
  );
  bytes.up += pointer.sizeBytes;
  return pointer;
}

/** The size of a file in parts, and the SHA-256 of its bytes. */
function pointerTo(file: readonly Uint8Array[]): ClientStatePointer {
  const hash = createHash("sha256");
  for (const part of file) hash.update(part);
  const sizeBytes = file.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { sizeBytes, sha256: hash.digest("hex") };
}

/**
 * @throws FlError("invalid-argument") for signals that the coordinator would refuse, and the whole report
 *   with them.
 */
function checkedSignals({ signals }: TrainResult): Signals | undefined {
  if (signals === undefined) return undefined;
  const checked = Signals.safeParse(signals);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map(({ path, message }) => `${path.join(".") || "all"}: ${message}`);
  throw new FlError(
    "invalid-argument",
    `The training method's signals cannot be reported: ${problems.slice(0, 5).join("; ")}.`,
    { retry: "never", reason: "training-failed", told: "The training method's signals cannot be reported." },
  );
}

function float32(parameters: ModelShape) {
  return parameters.map(({ shape }) => ({ dtype: "F32" as const, shape }));
}

function facts(
  { samples, steps, partial, lossBefore, lossAfter, eagerReason, teachersLeftOut = 0 }: TrainResult,
  backend: string,
  unreadTeachers: number,
): TrainingFacts {
  const withoutTeachers = unreadTeachers + teachersLeftOut;
  const eager = eagerReason === undefined ? {} : { eagerReason: eagerReason.slice(0, 300).toWellFormed() };
  const known = (loss: number) => (Number.isFinite(loss) ? loss : null);
  return {
    samples,
    steps,
    partial,
    lossBefore: known(lossBefore),
    lossAfter: known(lossAfter),
    backend,
    ...(withoutTeachers === 0 ? {} : { withoutTeachers }),
    ...eager,
  };
}
