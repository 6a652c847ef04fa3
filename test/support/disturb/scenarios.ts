// What is disturbed: small runs that between them take every step of the protocol, each with the end that it
// must have whatever happens on the way.
import { createHash } from "node:crypto";
import { type Box, clientAccount } from "../../../infra/box/box.ts";
import type { ObjectStore } from "../../../shared/core/ports/objectStore.ts";
import { refs } from "../../../shared/core/ports/store.ts";
import { whyUnscored } from "../../../shared/core/round/evaluation.ts";
import {
  clientStateObject,
  clientStatesOf,
  modelObject,
  scoreObject,
  stateObject,
  updatesOf,
  updatesOfRound,
} from "../../../shared/core/round/objects.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { asFloat32, decodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { eventually } from "../scriptedClient.ts";
import { checkCosts } from "./costs.ts";
import { withoutGone } from "./gone.ts";
import type { Listener } from "./listener.ts";

export interface Stage {
  readonly box: Box;
  readonly store: Listener;
  readonly objects: ObjectStore;
  /** An address that hangs up on every call. */
  readonly nowhere: string;
  /** Called with each run once it exists. */
  readonly onCreated?: (runId: string) => void;
  /** Called before the end of a run is read, which takes calls that are the test's own. */
  readonly onEnded?: (runId: string) => void;
}

export const CLIENTS = ["clinic-a", "clinic-b"] as const;
/** Its function is gone: every call is hung up on. */
export const DEAD = "clinic-x";

/** A client that the scenarios play themselves: no function answers for it. */
const GUEST = "guest";

/**
 * Long enough for a killed function to start again and a dead transaction to give up its locks, several
 * times.
 */
const PATIENCE_MS = 120_000;

export const SCENARIOS = {
  /** Two rounds of three clients, one of which dies: from the first call to the clean-up. */
  ordinary: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { quorum: 0.6, minUpdates: 2 },
      stop: { rounds: 2 },
    });
    await act(stage, runId, "start", key);
    return endOf(stage, runId);
  },
  /**
   * Two rounds of an aggregation that keeps something beside each version, and of clients that keep a layer
   * and score what they are given.
   */
  stateful: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      training: { local: ["output"] },
      aggregation: { strategy: "fedadam" },
      evaluation: { federated: { share: 0.3, minSamples: 1 } },
      round: { quorum: 0.6, minUpdates: 2 },
      stop: { rounds: 2 },
    });
    await act(stage, runId, "start", key);
    const end = await endOf(stage, runId);
    const states = [1, 2].map((version) => digest(stage.objects, stateObject(runId, version)));
    const rounds = await stage.store.rounds(runId);
    const run = await stage.store.get(refs.run(runId));
    if (rounds.some(({ federated }) => federated === undefined)) throw new Error("a round has no scores");
    return {
      ...end,
      scores: rounds.map(({ federated }) => federated),
      best: run?.best,
      states: await Promise.all(states),
      clientStates: await Promise.all(CLIENTS.map((clientId) => clientStateOf(stage, runId, clientId))),
    };
  },
  /** Two rounds of an aggregation that reads its updates more than once, scored by class. */
  robust: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      aggregation: { strategy: "geometric-median" },
      encoding: "int8",
      evaluation: { metrics: ["f1"] },
      round: { quorum: 0.6, minUpdates: 2 },
      stop: { rounds: 2 },
    });
    await act(stage, runId, "start", key);
    const end = await endOf(stage, runId);
    const scores = [1, 2].map((version) => stage.objects.read(scoreObject(runId, version)));
    return { ...end, scores: (await Promise.all(scores)).map((file) => new TextDecoder().decode(file)) };
  },
  /** A round triggered by hand. */
  triggered: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { quorum: 0.6, minUpdates: 2 },
      stop: { rounds: 1 },
    });
    await runIs(stage, runId, (run) => run.status === "ready");
    await triggerRound(stage, runId, key);
    await runIs(stage, runId, (run) => run.round === 1 && run.openRound === null);
    await act(stage, runId, "start", key);
    return endOf(stage, runId);
  },
  /**
   * A round that ends at its deadline, without the client that is gone; the others have all the time they may
   * need.
   */
  missing: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { deadlineSeconds: 40, minUpdates: 1 },
      stop: { rounds: 1 },
    });
    await act(stage, runId, "start", key);
    return endOf(stage, runId);
  },
  /** The model goes from client to client, and past the one that is gone. */
  relayed: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { deadlineSeconds: 40, relay: { strategy: "chain", groupSize: 3 } },
      stop: { rounds: 1 },
    });
    await act(stage, runId, "start", key);
    const end = await endOf(stage, runId);
    const invocations = await stage.store.invocations(runId, 1);
    const turns = invocations.map(({ clientId, relay }) => [
      clientId,
      relay?.hop,
      relay?.from.map((start) => start.clientId),
    ]);
    return { ...end, turns };
  },
  /** Paused, resumed and cancelled while a round waits; the watchdog looks and finds nothing. */
  cancelled: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { deadlineSeconds: 600 },
      stop: { rounds: 1 },
    });
    await act(stage, runId, "start", key);
    await eventually(
      "both reports",
      async () => {
        const made = await stage.store.invocations(runId, 1);
        return made.filter(({ status }) => status === "reported").length === 2 ? true : null;
      },
      PATIENCE_MS,
    );
    await act(stage, runId, "pause", key);
    await act(stage, runId, "resume", key);
    await call(stage, "PATCH", `/v1/runs/${runId}`, undefined, { notes: "paused once" });
    const coordinator = stage.box.runtime.url("coordinator");
    await call(
      stage,
      "POST",
      "/watchdog",
      undefined,
      {},
      {
        base: coordinator,
        token: await stage.box.queueToken(coordinator),
      },
    );
    await act(stage, runId, "cancel", key);
    return endOf(stage, runId);
  },
  /** While a round is folded, which takes a while, the clients of the next one are woken. */
  woken: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 3 },
      round: { quorum: 0.6, minUpdates: 2, prewarm: { idleSeconds: 0 } },
      stop: { rounds: 3 },
    });
    for (const round of [1, 2]) {
      const target = updatesOfRound(runId, round);
      // Two are read at once: each is refused three times, for some two seconds.
      stage.box.inject({ service: "storage", method: "GET", target, answer: 503, applied: false, times: 6 });
    }
    await act(stage, runId, "start", key);
    return endOf(stage, runId);
  },
  /** A model that is to be scored on a test set that nobody has. */
  unpreparable: async (stage: Stage, key: string) => {
    const config = { name: "d", units: 3, activation: "softmax", batch_input_shape: [null, 4] };
    const layers = {
      format: "layers-model",
      modelTopology: { class_name: "Sequential", config: { layers: [{ class_name: "Dense", config }] } },
    };
    const { runId } = await createRun(stage, key, {
      model: { layers },
      selection: { strategy: "random", cohortSize: 2 },
      evaluation: { data: "nowhere" },
    });
    const run = await runIs(stage, runId, ({ status }) => status === "failed");
    return { status: run.status, reason: run.statusReason };
  },
  /**
   * Too few clients are free for a second round until the one that claimed and fell silent cannot be at work
   * any more.
   */
  waiting: async (stage: Stage, key: string) => {
    await register(stage, GUEST);
    const { runId } = await createRun(stage, key, {
      selection: { strategy: "random", cohortSize: 4 },
      round: { deadlineSeconds: 1, minUpdates: 4 },
      stop: { rounds: 2 },
    });
    await act(stage, runId, "start", key);
    await runIs(stage, runId, (run) => run.openRound === 1);
    const coordinator = stage.box.runtime.url("coordinator");
    await call(
      stage,
      "POST",
      "/claim",
      undefined,
      { runId, round: 1, clientId: GUEST, coldStart: false },
      { base: coordinator, token: await stage.box.queueToken(coordinator) },
    );
    const end = await endOf(stage, runId);
    await call(stage, "DELETE", `/v1/clients/${GUEST}`);
    return end;
  },
  /** A client is checked for a run, and passes. */
  checked: async (stage: Stage, key: string) => {
    const [clientId] = CLIENTS;
    const { runId } = await createRun(stage, key, { selection: { strategy: "random", cohortSize: 2 } });
    await runIs(stage, runId, (run) => run.status === "ready");
    await call(stage, "POST", `/v1/clients/${clientId}/check`, `${key}-check`, { runId });
    const check = await eventually(
      "the check being over",
      async () => {
        const last = (await stage.store.get(refs.checks(clientId)))?.checks[0];
        return last?.runId === runId && last.endedAt !== null ? last : null;
      },
      PATIENCE_MS,
    );
    await act(stage, runId, "cancel", key);
    await runIs(stage, runId, ({ swept }) => swept);
    const { samples, inputShape, steps } = check.facts ?? {};
    return { status: check.status, problems: check.problems, samples, inputShape, steps };
  },
  /** A version is scored because somebody asks for it. */
  evaluated: async (stage: Stage, key: string) => {
    const { runId } = await createRun(stage, key, { selection: { strategy: "random", cohortSize: 2 } });
    await runIs(stage, runId, (run) => run.status === "ready");
    const wish = { metrics: ["f1"] };
    await call(stage, "POST", `/v1/runs/${runId}/models/latest/evaluate`, `${key}-evaluate`, wish);
    const evaluation = await eventually(
      "the score",
      async () => {
        const last = await stage.store.get(refs.evaluation(runId, 0));
        return last === null || last.endedAt === null ? null : last;
      },
      PATIENCE_MS,
    );
    await act(stage, runId, "cancel", key);
    await runIs(stage, runId, ({ swept }) => swept);
    const { number, status, reason, metrics, hasDetails } = evaluation;
    return { number, status, reason, metrics, hasDetails };
  },
  /** A client comes and goes. */
  roster: async (stage: Stage, key: string) => {
    const clientId = `${GUEST}-${createHash("sha256").update(key).digest("hex").slice(0, 8)}`;
    await register(stage, clientId);
    await call(stage, "PATCH", `/v1/clients/${clientId}`, undefined, { labels: { ward: "7" } });
    await call(stage, "DELETE", `/v1/clients/${clientId}`);
    const client = await stage.store.get(refs.client(clientId));

    return { retired: client?.retired, labels: client?.labels };
  },
} as const;
export type ScenarioName = keyof typeof SCENARIOS;

/**
 * Two rounds of parameters alone, which begin with a version of a run that has layers. For a stage whose
 * clients have a trainer of their owner's.
 */
export async function withoutTopology(stage: Stage, key: string) {
  const selection = { strategy: "random", cohortSize: 3 };
  const layers = [{ type: "Dense", units: 3, activation: "softmax" }];
  const source = await createRun(stage, `${key}-source`, { model: { inputShape: [4], layers }, selection });
  await runIs(stage, source.runId, ({ status }) => status === "ready");
  const { runId } = await createRun(stage, key, {
    model: { weights: { run: source.runId, version: 0 } },
    selection,
    aggregation: { strategy: "fedadam" },
    round: { quorum: 0.6, minUpdates: 2 },
    stop: { rounds: 2 },
  });
  await act(stage, runId, "start", key);
  await act(stage, source.runId, "cancel", `${key}-source`);
  return endOf(stage, runId);
}

/**
 * What must be the same whatever happened: the documents less names, times and costs, and the bytes of every
 * version.
 */
export async function endOf(stage: Stage, runId: string) {
  const run = await runIs(stage, runId, ({ swept }) => swept);
  const scored =
    run.modelVersion === null ||
    run.modelVersion === 0 ||
    run.status === "cancelled" ||
    whyUnscored(run) !== null;
  const last = scored ? run : await runIs(stage, runId, (now) => now.evaluatedVersion === now.modelVersion);
  stage.onEnded?.(runId);
  const allRounds = await stage.store.rounds(runId);
  const allInvocations = [];
  for (const { round } of allRounds) allInvocations.push(...(await stage.store.invocations(runId, round)));
  checkCosts(last, allRounds, allInvocations);
  const versions = [];
  for (let version = 0; version <= (run.modelVersion ?? -1); version++) {
    versions.push(await digest(stage.objects, modelObject(runId, version)));
  }
  const shards = await stage.store.rosterShards(runId);
  const { totals, eur, rounds, invocations, roster } = withoutGone(
    {
      totals: last.totals,
      eur: last.eur,
      rounds: allRounds,
      invocations: allInvocations,
      roster: shards.flatMap(({ clients }) => Object.entries(clients)),
    },
    DEAD,
  );
  const left = await stage.objects.list(updatesOf(runId));
  return {
    run: {
      status: last.status,
      reason: last.statusReason,
      round: last.round,
      modelVersion: last.modelVersion,
      accuracy: last.accuracy,
      unscoredReason: last.unscoredReason,
      eur,
      totals: { ...totals, costUsd: null, preparationUsd: null, wallMs: null },
    },
    rounds: rounds.map(
      ({
        round,
        status,
        closeReason,
        cohort,
        consumed,
        dropped,
        outcomes,
        newVersion,
        followedUp,
        counts,
      }) => ({
        round,
        counts: { ...counts, coldStarts: null },
        status,
        closeReason,
        cohort,
        newVersion,
        followedUp,
        consumed: consumed.map(({ attempt: _attempt, ...update }) => update),
        dropped,
        outcomes: outcomes.map(({ clientId, result }) => `${clientId} ${result}`),
      }),
    ),
    invocations: invocations.map(({ round, clientId, status, weight }) => ({
      round,
      clientId,
      status,
      weight,
    })),
    roster: roster
      .filter(([clientId]) => !clientId.startsWith(GUEST))
      .map(([clientId, { invocations: count, missedRounds }]) => ({ clientId, count, missedRounds })),
    versions,
    left: left.objects.map(({ name }) => name),
  };
}

/** What a client has kept at last, and how many objects there are of it. */
async function clientStateOf(stage: Stage, runId: string, clientId: string) {
  const state = await stage.store.get(refs.clientState(runId, clientId));
  if (state === null) return null;
  const { objects } = await stage.objects.list(`${clientStatesOf(runId)}${clientId}/`);
  return {
    round: state.round,
    values: await digest(stage.objects, clientStateObject(runId, state)),
    objects: objects.length,
  };
}

/** Of the values alone: the file names its run. */
export async function digest(objects: ObjectStore, name: string): Promise<string> {
  const hash = createHash("sha256");
  for (const tensor of decodeSafetensors(await objects.read(name)).tensors) {
    hash.update(tensor.name).update(new Uint8Array(asFloat32(tensor).slice().buffer));
  }
  return hash.digest("hex");
}

export async function createRun(stage: Stage, key: string, spec: object): Promise<{ runId: string }> {
  const body = { name: "kill", model: { builtin: "tiny-mlp" }, seed: 5, ...spec };
  const created = await call(stage, "POST", "/v1/runs", `${key}-create`, body);
  stage.onCreated?.(created.runId);
  return created;
}

export async function act(stage: Stage, runId: string, action: string, key: string): Promise<void> {
  await call(stage, "POST", `/v1/runs/${runId}/${action}`, `${key}-${action}`);
}

export async function triggerRound(stage: Stage, runId: string, key: string): Promise<void> {
  await call(stage, "POST", `/v1/runs/${runId}/rounds`, `${key}-trigger`);
}

export async function label(stage: Stage, clientId: string, labels: object): Promise<void> {
  await call(stage, "PATCH", `/v1/clients/${clientId}`, undefined, { labels });
}

export async function register(stage: Stage, clientId: string): Promise<void> {
  const guest = clientId.startsWith(GUEST);
  await call(stage, "POST", "/v1/clients", undefined, {
    clientId,
    url: guest || clientId === DEAD ? stage.nowhere : stage.box.runtime.url(clientId),
    // Of those that the coordinator's front lets in, the one that the test has a token of.
    serviceAccount: clientAccount(guest ? "task-invoker" : clientId),
    capacity: { timeoutSeconds: guest ? 4 : 1 },
  });
}

/** As any user of the API has to: the same call again with the same key, until it is answered. */
async function call(
  stage: Stage,
  method: string,
  path: string,
  key?: string,
  body?: unknown,
  to?: { readonly base: string; readonly token: string },
): Promise<{ runId: string }> {
  const base = to?.base ?? stage.box.apiUrl;
  const token = to?.token ?? (await stage.box.operatorToken(base));
  return eventually(
    `${method} ${path} being answered`,
    async () => {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.status >= 500 || response.status === 429) return null;
      // A DELETE that was done before its answer was lost finds nothing.
      if (!response.ok && !(method === "DELETE" && response.status === 404)) {
        throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
      }
      return JSON.parse(text);
    },
    PATIENCE_MS,
  );
}

export function runIs(stage: Stage, runId: string, is: (run: Run) => boolean): Promise<Run> {
  return eventually(
    `the state of run ${runId}`,
    async () => {
      const run = await stage.store.get(refs.run(runId));
      return run !== null && is(run) ? run : null;
    },
    PATIENCE_MS,
  ).catch(async (error: unknown) => {
    throw new Error(`${error}: ${JSON.stringify(await stateOf(stage, runId))}`);
  });
}

/** How far a run has come, to find out why it comes no further. */
async function stateOf({ store }: Stage, runId: string) {
  const run = await store.get(refs.run(runId));
  const rounds = [];
  for (const { round, status, closeReason, deadlineAt, extended, followedUp } of await store.rounds(runId)) {
    const invocations = (await store.invocations(runId, round)).map(
      ({ clientId, status: its, attempt, claimedAt, reportedAt, failure }) => ({
        clientId,
        its,
        attempt,
        claimedAt,
        reportedAt,
        failure,
      }),
    );
    rounds.push({ round, status, closeReason, deadlineAt, extended, followedUp, invocations });
  }
  return {
    nowMs: Date.now(),
    status: run?.status,
    openRound: run?.openRound,
    openRequest: run?.openRequest,
    swept: run?.swept,
    rounds,
  };
}
