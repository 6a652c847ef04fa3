// A client claims its invocation: it gets an attempt of its own and links to exactly what that attempt needs.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { meterCall } from "../../shared/cloud/callCost.ts";
import { costBeforeClaim } from "../../shared/core/cost/clientCall.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { coversOf } from "../../shared/core/methods/training/assigned.ts";
import { clientStateShape } from "../../shared/core/methods/training/clientState.ts";
import { besideShape, gotShape } from "../../shared/core/methods/training/methodTensors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { freedBy } from "../../shared/core/roster/reports.ts";
import { isOpenToClaims } from "../../shared/core/round/buffered.ts";
import { neededRelease } from "../../shared/core/round/clientRelease.ts";
import {
  claimedByOlder,
  claimedByOther,
  claimedWithout,
  refusedClaim,
} from "../../shared/core/round/close.ts";
import { scoreAsked } from "../../shared/core/round/federated.ts";
import { labelsAsked } from "../../shared/core/round/labels.ts";
import {
  clientStateObject,
  modelObject,
  stateObject,
  topologyObject,
  updateObject,
} from "../../shared/core/round/objects.ts";
import { claim } from "../../shared/core/round/report.ts";
import { grantedTraining } from "../../shared/core/round/sizing.ts";
import { linkSeconds } from "../../shared/core/round/sweep.ts";
import type { ClientState } from "../../shared/core/schemas/clientState.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { ModelInfo } from "../../shared/core/schemas/model.ts";
import { missingCode } from "../../shared/core/schemas/ownCode.ts";
import type { ClaimRequest, Grant } from "../../shared/core/schemas/protocol.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { StoredRunSpec } from "../../shared/core/schemas/spec.ts";
import type { ParameterBox } from "../../shared/core/updates/covers.ts";
import { elementCount, maxFileBytes } from "../../shared/core/updates/safetensors.ts";
import type { TensorShape } from "../../shared/core/updates/weights.ts";
import type { ClientCalls } from "./clientCalls.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { checkOwner, isOwner, notTheirs } from "./documents.ts";
import { afterReport } from "./report.ts";

/** Long enough to download a large model from anywhere, and no longer. */
const READ_LINK_SECONDS = 600;

/** Room for the header of an update's file beside the values. */
const HEADER_BYTES_PER_TENSOR = 1_024;

const FLOAT_BYTES = 4;

export async function claimInvocation(
  request: ClaimRequest,
  caller: Principal,
  calls: ClientCalls,
  deps: CoordinatorDeps,
): Promise<Grant> {
  const { runId, round: roundNumber, clientId } = request;
  const ref = refs.invocation(runId, roundNumber, clientId);
  const costSoFar = meterCall(deps);
  const [run, round] = await Promise.all([calls.settings(runId), calls.round(runId, roundNumber)]);
  const claimed = await deps.store.transact("claim", async (transaction) => {
    const found = await transaction.get(ref);
    const nowMs = deps.nowMs();
    const other = isOwner(found, caller) ? null : found && claimedByOther(found, caller.email, nowMs);
    if (other !== null) {
      transaction.set(ref, other);
      return { kind: "other" } as const;
    }
    const invocation = checkOwner(found, caller);
    const known = request.release ?? 1;
    const needed = neededRelease(run.spec, run.model?.parameters ?? []);
    const isOpen = isOpenToClaims(round, nowMs);
    if (known < needed && isOpen) {
      const older = claimedByOlder(invocation, { known, needed }, nowMs);
      if (older !== null) transaction.set(ref, older);
      return { kind: "older", known, needed } as const;
    }
    const missing = missingCode(run.spec.requires, request.code);
    if (missing !== null && isOpen) {
      const without = claimedWithout(invocation, missing, nowMs);
      if (without !== null) transaction.set(ref, without);
      return { kind: "without", missing } as const;
    }
    const spentUsd = costBeforeClaim(invocation, costSoFar(), nowMs, priceTables["cloud-run-2026"]);
    const verdict = claim(round, invocation, request.coldStart, spentUsd, nowMs);
    if (verdict.kind === "granted") {
      const { code } = request;
      const granted = { ...verdict.invocation, ...(code === undefined ? {} : { code }) };
      transaction.set(ref, granted);
      return { ...verdict, invocation: granted };
    }
    const refused = refusedClaim(round, invocation, nowMs);
    if (refused !== null) transaction.set(ref, refused);
    return { ...verdict, freedAt: freedBy(refused ?? invocation).freedAt };
  });
  if (claimed.kind === "other") throw notTheirs();
  if (claimed.kind === "older") {
    const message = `Round ${roundNumber} of run ${runId} needs release ${claimed.needed} of the client protocol, and this client knows ${claimed.known}: deploy a client of this release.`;
    throw new FlError("failed-precondition", message, { retry: "never" });
  }
  if (claimed.kind === "without") {
    const message = `Run ${runId} requires of this client ${claimed.missing}: bundle it with this code (docs/own-code.md).`;
    throw new FlError("failed-precondition", message, { retry: "never" });
  }
  if (claimed.kind === "granted") return grantFor(run, round, claimed.invocation, deps);
  // The instance that reported this invocation may have died before anything came of it.
  await calls.following(round, false, clientId, () =>
    afterReport(run, round, clientId, claimed.freedAt, deps),
  );
  throw new FlError("failed-precondition", claimed.reason, { retry: "never" });
}

async function grantFor(
  run: Run,
  round: Round,
  invocation: Invocation,
  deps: CoordinatorDeps,
): Promise<Grant> {
  if (run.model === null) throw new FlError("failed-precondition", `Run ${run.runId} has no model yet.`);
  const { objects } = deps;
  const nowMs = deps.nowMs();
  const writeSeconds = linkSeconds(invocation, nowMs);
  const readLink = async (name: string) => {
    const link = await objects.signedReadUrl(name, { expiresInSeconds: READ_LINK_SECONDS });
    return { ...link, headers: { ...link.headers }, expiresAt: nowMs + READ_LINK_SECONDS * 1_000 };
  };
  const writeLink = async (name: string, maxBytes: number) => {
    const link = await objects.signedWriteUrl(name, {
      expiresInSeconds: writeSeconds,
      maxBytes,
      contentType: "application/octet-stream",
      ifGeneration: 0,
    });
    return { ...link, headers: { ...link.headers }, expiresAt: nowMs + writeSeconds * 1_000 };
  };
  const covers = coversOf(run.spec, run.model.parameters, invocation);
  const kept = clientStateShape(run.spec.training, run.model.parameters);
  const clientState = async (): Promise<Grant["clientState"]> => {
    const [previous, next] = await Promise.all([
      previousState(invocation, deps),
      writeLink(clientStateObject(run.runId, invocation), maxFileBytes(kept.map(asFloat32))),
    ]);
    if (previous === null) return { previous, next };
    const { sizeBytes, sha256 } = previous;
    return {
      previous: { sizeBytes, sha256, link: await readLink(clientStateObject(run.runId, previous)) },
      next,
    };
  };
  const got = gotShape(run.spec.training, run.model.parameters);
  const isKept = got.length > 0 && invocation.baseVersion > 0;
  const startLinks = (invocation.relay?.from ?? []).map(async ({ clientId, attempt, sizeBytes, sha256 }) => {
    const name = updateObject(run.runId, { round: invocation.round, clientId, attempt });
    return { link: await readLink(name), sizeBytes, sha256 };
  });
  const taught = (round.teachers?.versions ?? []).map(({ runId, version }) =>
    readLink(modelObject(runId, version)),
  );
  const [topology, model, update, state, versionState, starts, teachers] = await Promise.all([
    "parameters" in run.spec.model ? undefined : readLink(topologyObject(run.runId)),
    readLink(modelObject(run.runId, invocation.baseVersion)),
    writeLink(updateObject(run.runId, invocation), maxUpdateBytes(run.spec, run.model)),
    kept.length === 0 ? undefined : clientState(),
    isKept ? readLink(stateObject(run.runId, invocation.baseVersion)) : undefined,
    Promise.all(startLinks),
    Promise.all(taught),
  ]);
  return {
    attempt: invocation.attempt,
    baseVersion: invocation.baseVersion,
    training: grantedTraining(run.spec.training, invocation),
    encoding: run.spec.encoding,
    ...(run.spec.transforms === undefined ? {} : { transforms: run.spec.transforms }),
    seed: run.spec.seed,
    ...(run.spec.data === undefined ? {} : { data: run.spec.data }),
    parameters: run.model.parameters,
    ...(covers === undefined ? {} : { covers: covers.map(copyOf) }),
    ...(state === undefined ? {} : { clientState: state }),
    ...(versionState === undefined ? {} : { versionState }),
    ...(teachers.length === 0 ? {} : { teachers: [...teachers] }),
    ...scoreAsked(run.spec),
    ...labelsAsked(run.spec),
    ...(starts.length === 0 ? {} : { relay: { from: [...starts] } }),
    deadlineAt: invocation.relay?.dueAt ?? round.deadlineAt,
    onDeadline: run.spec.round.onDeadline,
    ...(topology === undefined ? {} : { topology }),
    model,
    update,
  };
}

/**
 * What the client's last counted report has left; null where there is none. Where the object is gone the
 * client begins anew: it could never train again otherwise.
 */
async function previousState(
  { runId, clientId }: Invocation,
  { store, objects, log }: CoordinatorDeps,
): Promise<ClientState | null> {
  const state = await store.get(refs.clientState(runId, clientId));
  if (state === null) return null;
  const object = clientStateObject(runId, state);
  if ((await objects.stat(object)) !== null) return state;
  // A newer one may have taken its place meanwhile.
  const newer = await store.get(refs.clientState(runId, clientId));
  if (newer !== null && newer.round !== state.round) return newer;
  log.error("client state is lost", { runId, clientId, object });
  return null;
}

function asFloat32({ shape }: TensorShape) {
  return { dtype: "F32" as const, shape };
}

function copyOf({ name, at, shape }: ParameterBox) {
  return { name, at: [...at], shape: [...shape] };
}

/** The largest file that an update of this model can be. */
function maxUpdateBytes({ training }: StoredRunSpec, model: ModelInfo): number {
  const beside = besideShape(training, model.parameters);
  const besideBytes = beside.reduce((sum, { shape }) => sum + elementCount(shape) * FLOAT_BYTES, 0);
  const tensors = model.parameters.length + beside.length + 4;
  return model.sizeBytes + besideBytes + HEADER_BYTES_PER_TENSOR * tensors;
}
