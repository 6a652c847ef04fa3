// The calls of client functions: delivered, claimed, ended, delivered again; as the queue, the platform and
// the coordinator would have it.

import { costBeforeClaim, costOfReport } from "../../../shared/core/cost/clientCall.ts";
import { plannedSteps } from "../../../shared/core/methods/aggregation/countedSamples.ts";
import type { Command } from "../../../shared/core/protocol/commands.ts";
import type { WorkedOn } from "../../../shared/core/roster/reports.ts";
import { isBuffered, isOpenToClaims } from "../../../shared/core/round/buffered.ts";
import { refusedClaim } from "../../../shared/core/round/close.ts";
import { asksLabels } from "../../../shared/core/round/labels.ts";
import { wake } from "../../../shared/core/round/open.ts";
import { trainedBefore } from "../../../shared/core/round/relay.ts";
import { claim, report } from "../../../shared/core/round/report.ts";
import { grantedTraining } from "../../../shared/core/round/sizing.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import type { Conduct, Learned } from "../population/population.ts";
import { closeIfComplete } from "./closing.ts";
import { NO_FILE } from "./learner.ts";
import { coordinatorCallUsd } from "./ownCalls.ts";
import { passOn } from "./passing.ts";
import { endSilent } from "./settling.ts";
import type { World } from "./world.ts";

/** What a client keeps free before the deadline to upload what is done; see functions/client. */
const SUBMIT_MARGIN_MS = 1_000;

/** One delivery of an invocation's task, now. */
export function deliver(world: World, round: number, clientId: string, delivery: number): readonly Command[] {
  // What is not answered is called off when its round closes.
  const of = world.held.get(round)?.round;
  if (delivery > 1 && (of === undefined || !isOpenToClaims(of, world.nowMs))) return [];
  const { population } = world.input;
  const invited = world.held.get(round)?.invocations.get(clientId);
  const { training } = world.run.spec;
  const share =
    invited === undefined ? 1 : grantedTraining(training, invited).localEpochs / training.localEpochs;
  const workFactor = world.input.workFactor * share;
  const conduct = population.conduct({ clientId, round, delivery, atMs: world.nowMs, workFactor });
  if (conduct.ending === "unreachable") {
    return deliverAgain(world, round, clientId, delivery);
  }
  world.held.get(round)?.calledAt.set(clientId, world.nowMs);
  world.schedule(world.nowMs + conduct.waitMs + conduct.coldStartMs, () =>
    begin(world, round, clientId, delivery, conduct),
  );
  return [];
}

function begin(
  world: World,
  round: number,
  clientId: string,
  delivery: number,
  conduct: Conduct,
): readonly Command[] {
  const held = world.held.get(round);
  const invited = held?.invocations.get(clientId);
  if (held === undefined || invited === undefined) return [];
  const spentUsd = costBeforeClaim(invited, coordinatorCallUsd(world), world.nowMs, world.input.prices);
  const verdict = claim(held.round, invited, conduct.isCold, spentUsd, world.nowMs);
  if (verdict.kind === "over") {
    const refused = refusedClaim(held.round, invited, world.nowMs);
    if (refused === null) return [];
    held.invocations.set(clientId, refused);
    return cameLate(world, { clientId, round }, true);
  }
  const claimed = verdict.invocation;
  held.invocations.set(clientId, claimed);
  if (conduct.ending === "silence") {
    world.schedule(world.nowMs + conduct.workMs, () => deliverAgain(world, round, clientId, delivery));
    return [];
  }
  const ended = endingOf(world, conduct, claimed.relay?.dueAt ?? held.round.deadlineAt);
  const request = reportRequest(world, claimed, conduct, ended);
  world.ends.set(clientId, { round, atMs: world.nowMs + ended.workMs });
  world.schedule(world.nowMs + ended.workMs, () => end(world, request));
  return [];
}

function deliverAgain(world: World, round: number, clientId: string, delivery: number): readonly Command[] {
  const { most, pauseMs } = world.input.population.deliveries;
  if (delivery < most) {
    world.schedule(world.nowMs + pauseMs, () => deliver(world, round, clientId, delivery + 1));
  } else world.held.get(round)?.givenUp.add(clientId);
  return [];
}

interface CallEnding {
  readonly workMs: number;
  readonly kind: "update" | "failure";
  /** Of the steps, in [0, 1]. */
  readonly shareDone: number;
}

/**
 * What the client will report, and when: a client that submits partial work stops in time for the deadline.
 */
function endingOf(world: World, { ending, workMs }: Conduct, deadlineAt: number): CallEnding {
  if (ending !== "update") return { workMs, kind: "failure", shareDone: 0 };
  const leftMs = deadlineAt - SUBMIT_MARGIN_MS - world.nowMs;
  if (world.run.spec.round.onDeadline === "finish-late" || workMs <= leftMs) {
    return { workMs, kind: "update", shareDone: 1 };
  }
  return leftMs <= 0
    ? { workMs: 0, kind: "failure", shareDone: 0 }
    : { workMs: leftMs, kind: "update", shareDone: leftMs / workMs };
}

const FAILED = { code: "internal", message: "The simulated client failed." } as const;

function reportRequest(
  world: World,
  invocation: Invocation,
  conduct: Conduct,
  ended: CallEnding,
): ReportRequest {
  const { runId, round, clientId, attempt } = invocation;
  const samples = world.input.learner.samples(clientId);
  const steps = plannedSteps(samples, grantedTraining(world.run.spec.training, invocation));
  const known = ended.kind === "update" ? world.input.population.learned?.(clientId, round) : null;
  const { lossBefore = null, lossAfter = null, signals, score } = known ?? {};
  return {
    runId,
    round,
    clientId,
    attempt,
    sentAt: world.nowMs + ended.workMs,
    coldStart: conduct.isCold,
    timings: conduct.reportedTimings ?? {
      queueWaitMs: conduct.waitMs,
      coldStartMs: conduct.coldStartMs,
      claimMs: 0,
      downloadMs: 0,
      dataMs: 0,
      trainMs: ended.workMs,
      uploadMs: 0,
    },
    bytesDown: world.input.learner.model.sizeBytes,
    bytesUp: world.input.learner.model.sizeBytes,
    peakRssMib: 0,
    ...(signals === undefined ? {} : { signals }),
    ...score,
    ...(asksLabels(world.run.spec) && ended.kind === "update" ? labelsOf(world, clientId) : {}),
    result:
      ended.kind === "failure"
        ? { kind: "failure", failure: world.input.population.failure?.(clientId, round) ?? FAILED }
        : {
            kind: "update",
            update: { attempt, ...NO_FILE },
            training: {
              samples,
              steps: Math.ceil(steps * ended.shareDone),
              partial: ended.shareDone < 1,
              lossBefore,
              lossAfter,
              backend: "simulator",
            },
          },
  };
}

function labelsOf({ input }: World, clientId: string): Pick<ReportRequest, "labelCounts"> {
  const { learner, population } = input;
  const labelCounts = learner.labelCounts?.(clientId) ?? population.labelCounts?.(clientId);
  return labelCounts === undefined ? {} : { labelCounts: [...labelCounts] };
}

/**
 * Where the run's strategy reads signals, or clients keep what they have trained, a client that trains here
 * has trained by the time it reports.
 */
function end(world: World, request: ReportRequest): readonly Command[] | Promise<readonly Command[]> {
  const held = world.held.get(request.round);
  const invocation = held?.invocations.get(request.clientId);
  const { learner } = world.input;
  const isNeeded = learner.keepState !== undefined || (held?.round.signals.length ?? 0) > 0;
  if (request.result.kind !== "update" || invocation === undefined) return take(world, request);
  const learned = isNeeded
    ? learner.learned?.(invocation, trainedBefore(invocation, held?.invocations))
    : undefined;
  const scored = learner.scored?.(invocation);
  if (learned === undefined && scored === undefined) return take(world, request);
  return Promise.all([learned, scored]).then(([known, score]) =>
    take(world, { ...(known === undefined ? request : withLearned(request, known)), ...score }),
  );
}

function withLearned(request: ReportRequest, { lossBefore, lossAfter, signals }: Learned): ReportRequest {
  if (request.result.kind !== "update") return request;
  const training = { ...request.result.training, lossBefore, lossAfter };
  return {
    ...request,
    ...(signals === undefined ? {} : { signals }),
    result: { ...request.result, training },
  };
}

function take(world: World, request: ReportRequest): readonly Command[] {
  const { round, clientId } = request;
  const held = world.held.get(round);
  const invocation = held?.invocations.get(clientId);
  // The update of a round out of reach is no longer read; its client is at work no more all the same.
  if (held === undefined || invocation === undefined) {
    endSilent(world, clientId, round);
    return cameLate(world, { clientId, round });
  }
  const { nowMs, input } = world;
  const costUsd = costOfReport(invocation, request.timings, coordinatorCallUsd(world), nowMs, input.prices);
  const stored = { sizeBytes: NO_FILE.sizeBytes, generation: "1" };
  const decision = report(world.run, held.round, invocation, request, stored, costUsd, world.nowMs);
  if (decision.invocation === null) return [];
  held.invocations.set(clientId, decision.invocation);
  const { status } = decision.receipt;
  if (status === "reported" || status === "late") input.learner.keepState?.(decision.invocation);
  const { openRound } = world.run;
  const waiting = !isBuffered(held.round) || openRound === null ? undefined : world.held.get(openRound);
  if (held.round.status !== "training") {
    const woken = cameLate(world, { clientId, round });
    return waiting === undefined ? woken : [...woken, ...closeIfComplete(world, waiting)];
  }
  if (status === "reported") held.reported += 1;
  if (status === "failed") held.failed += 1;
  const { relay } = decision.invocation;
  if (relay === undefined) return closeIfComplete(world, held);
  if (status === "expired") return cameLate(world, { clientId, round });
  return passOn(world, round, relay.group);
}

/** Free from now on, for a run that waits for clients. */
function cameLate(world: World, at: WorkedOn, refused = false): readonly Command[] {
  world.reports.set(at.clientId, { ...at, freedAt: world.nowMs, refused });
  const woken = wake(world.run, world.nowMs, world.nowMs);
  if (woken === null) return [];
  world.run = woken.run;
  return woken.commands;
}
