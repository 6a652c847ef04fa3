// A run in memory: its documents as plain values, the tasks that wait, the clients and aggregators at work. Every step is
// one transaction of one function; between any two of them anything else may happen, and whoever is at work may die.
import { stalenessWeight } from "../../../shared/core/aggregation/staleness.ts";
import { sumUsd } from "../../../shared/core/cost/cost.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { enrol, foldRound, rosterEntries } from "../../../shared/core/roster/fold.ts";
import { closeRound } from "../../../shared/core/round/close.ts";
import { type Command, taskName } from "../../../shared/core/round/commands.ts";
import {
  type ControlAction,
  cancelRound,
  control,
  createRun,
  pendingCommands,
  prepared,
  trigger,
} from "../../../shared/core/round/control.ts";
import { recordEvaluation } from "../../../shared/core/round/evaluation.ts";
import { markAfter } from "../../../shared/core/round/marks.ts";
import {
  askAgain,
  closeTask,
  completed,
  enoughClients,
  heldBack,
  mayOpen,
  planRound,
  tasksOfRound,
} from "../../../shared/core/round/open.ts";
import {
  afterPublish,
  candidates,
  type FoldResult,
  isDegraded,
  newlyLate,
  publish,
  takeLease,
  updateKey,
  updateOf,
} from "../../../shared/core/round/publish.ts";
import { claim, report } from "../../../shared/core/round/report.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { strategies } from "../../../shared/core/selection/index.ts";
import { buildClient, buildReport, deepFreeze, T0 } from "../../support/builders.ts";
import type { Documents } from "./invariants.ts";

/** `pick` chooses among whatever there is to choose from at the time. A step with nothing to choose from does nothing. */
export type Step =
  | { readonly kind: "deliver"; readonly pick: number; readonly dies: boolean }
  /** One of the tasks of this kind that nobody is at work on: an early deadline, a client called. */
  | {
      readonly kind: "deliver-one";
      readonly of: Command["kind"];
      readonly pick: number;
      readonly dies: boolean;
    }
  | {
      readonly kind: "report";
      readonly pick: number;
      readonly result: "update" | "bad-update" | "failure";
      /** The coordinator has read the run and the round before the step that came last. */
      readonly stale: boolean;
      /** Its answer is lost, so the client says it again. */
      readonly twice: boolean;
      readonly dies: boolean;
    }
  | { readonly kind: "client-dies"; readonly pick: number }
  | { readonly kind: "aggregate"; readonly pick: number; readonly dies: boolean }
  | { readonly kind: "operate"; readonly action: ControlAction | "trigger"; readonly dies: boolean }
  | { readonly kind: "wait"; readonly ms: number };

interface Training {
  readonly round: number;
  readonly clientId: string;
  readonly attempt: number;
  readonly task: string;
}

const COST_PER_MS = 1e-6;

export class World {
  nowMs = T0;
  readonly #clients: Documents["clients"];
  #run: Run;
  #rounds: ReadonlyMap<number, Round> = new Map();
  #invocations: ReadonlyMap<string, Invocation> = new Map();
  #shards: Documents["shards"] = [];
  #models: Documents["models"] = new Map();
  /** The run and the rounds as they were before the step under way. */
  #earlier: { readonly run: Run; readonly rounds: ReadonlyMap<number, Round> };
  /** Tasks not done yet, by name; a name that was used once is never taken again. */
  readonly #tasks = new Map<string, Command>();
  readonly #usedNames = new Set<string>();
  readonly #training: Training[] = [];
  readonly #aggregating: Generator<void, void>[] = [];
  readonly #bad = new Set<string>();
  #owners = 0;

  constructor(spec: StoredRunSpec, clientIds: readonly string[]) {
    this.#clients = deepFreeze(clientIds.map((clientId) => buildClient({ clientId })));
    this.#run = deepFreeze(createRun("run-1", spec, "operator@example.org", this.nowMs));
    this.#earlier = { run: this.#run, rounds: this.#rounds };
    this.#dispatch(pendingCommands(this.#run));
  }

  documents(): Documents {
    return {
      run: this.#run,
      rounds: [...this.#rounds.values()],
      invocations: [...this.#invocations.values()],
      shards: this.#shards,
      clients: this.#clients,
      models: this.#models,
    };
  }

  perform(step: Step): void {
    const earlier = { run: this.#run, rounds: this.#rounds };
    this.nowMs += 1;
    switch (step.kind) {
      case "deliver":
        this.#deliver(chosen([...this.#tasks.values()], step.pick), step.dies);
        break;
      case "deliver-one": {
        const underWay = new Set(this.#training.map(({ task }) => task));
        const tasks = [...this.#tasks.values()].filter(
          (task) => task.kind === step.of && !underWay.has(taskName(task)),
        );
        this.#deliver(chosen(tasks, step.pick), step.dies);
        break;
      }
      case "report":
        this.#reportOf(chosen(this.#training, step.pick), step);
        break;
      case "client-dies":
        remove(this.#training, chosen(this.#training, step.pick));
        break;
      case "aggregate":
        this.#goOn(chosen(this.#aggregating, step.pick), step.dies);
        break;
      case "operate":
        this.#operate(step.action, step.dies);
        break;
      case "wait":
        this.nowMs += step.ms;
    }
    this.#earlier = earlier;
  }

  /** Lets everybody finish and nobody die. Returns false when there is no end to it. */
  settle(afterEach: () => void): boolean {
    this.#dispatch(pendingCommands(this.#run)); // The operator asks again for what was not answered.
    for (let steps = 0; steps < 2_000; steps++) {
      if (this.#aggregating.length > 0) this.perform({ kind: "aggregate", pick: 0, dies: false });
      else if (this.#training.length > 0)
        this.perform({ kind: "report", pick: 0, result: "update", stale: false, twice: false, dies: false });
      else if (this.#tasks.size > 0) this.perform({ kind: "deliver", pick: this.#firstDue(), dies: false });
      else return true;
      afterEach();
    }
    return false;
  }

  #firstDue(): number {
    const dueMs = [...this.#tasks.values()].map((task) => ("atMs" in task ? (task.atMs ?? 0) : 0));
    return dueMs.indexOf(Math.min(...dueMs));
  }

  #dispatch(commands: readonly Command[]): void {
    for (const command of commands) {
      const name = taskName(command);
      if (this.#usedNames.has(name)) continue;
      this.#usedNames.add(name);
      this.#tasks.set(name, command);
    }
  }

  /** The queue's call. A task is done when its function has answered; one that died or asked for a retry comes again. */
  #deliver(task: Command | undefined, dies: boolean): void {
    if (task === undefined) return;
    if ("atMs" in task) this.nowMs = Math.max(this.nowMs, task.atMs ?? 0);
    try {
      if (task.kind === "invoke" || task.kind === "aggregate") {
        // Done when the report is, or the aggregation.
        if (task.kind === "invoke") this.#claim(task);
        else this.#beginAggregation(task);
        return;
      }
      const commands = this.#handle(task);
      if (dies) return;
      this.#dispatch(commands);
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
      if (typeof error.retry === "object") this.nowMs += error.retry.afterMs;
      if (error.retry !== "never") return;
    }
    this.#tasks.delete(taskName(task));
  }

  #handle(task: Exclude<Command, { kind: "invoke" | "aggregate" }>): readonly Command[] {
    switch (task.kind) {
      case "prepare": {
        const model = { parameters: [{ name: "w", shape: [2] }], parameterCount: 2, sizeBytes: 8 };
        this.#setRun(prepared(this.#run, model, this.nowMs).run);
        return pendingCommands(this.#run);
      }
      case "open-round":
        return this.#openRound(task.request);
      case "close-round": {
        const round = this.#round(task.round);
        if (round.status === "training" && task.pass === 1 && round.extended) return [closeTask(round)];
        return this.#close(round, "deadline");
      }
      case "evaluate": {
        const evaluation = { accuracy: task.version / 100, loss: 1, evaluateMs: 5, costUsd: 0.001 };
        const { run, round } = recordEvaluation(
          this.#run,
          this.#round(task.round),
          task.version,
          evaluation,
          this.nowMs,
        );
        this.#setRun(run);
        this.#setRound(round);
        return [];
      }
    }
  }

  #openRound(request: number): readonly Command[] {
    const run = this.#run;
    const verdict = mayOpen(run, request);
    if (verdict.kind === "ignore") {
      // Whoever moved on may have died before it said so.
      if (run.openRound === null) return pendingCommands(run);
      const open = this.#round(run.openRound);
      return tasksOfRound(open, this.#invocationsOf(open));
    }
    if (verdict.kind === "stop") {
      this.#setRun(completed(run, verdict.reason, this.nowMs));
      return [];
    }
    const last = this.#rounds.get(run.round);
    if (last !== undefined && !last.followedUp) throw new FlError("unavailable", "not folded yet");
    const roster = rosterEntries(enrol(run.runId, this.#shards, this.#clients));
    const options = run.spec.selection;
    const selection = strategies[options.strategy](
      {
        round: verdict.round,
        cohortSize: options.cohortSize,
        clients: roster,
        nowMs: this.nowMs,
        options,
      },
      randomFrom(run.spec.seed, verdict.round, "selection"),
    );
    const { minUpdates } = run.spec.round;
    const enough = enoughClients(selection.cohort.length, minUpdates, roster, this.nowMs);
    if (enough.kind === "pause") {
      this.#setRun(heldBack(run, enough.reason, this.nowMs));
      return [];
    }
    if (enough.kind === "wait") {
      const { run: waiting, commands } = askAgain(run, enough.untilMs, this.nowMs);
      this.#setRun(waiting);
      return commands;
    }
    const clients = new Map(this.#clients.map((client) => [client.clientId, client]));
    const plan = planRound(run, verdict, selection, clients, this.nowMs, this.nowMs);
    this.#setRun(plan.run);
    this.#setRound(plan.round);
    for (const invocation of plan.invocations) this.#setInvocation(invocation);
    return tasksOfRound(plan.round, plan.invocations);
  }

  #close(round: Round, cause: "report" | "deadline"): readonly Command[] {
    const aggregate: Command = { kind: "aggregate", runId: round.runId, round: round.round };
    if (round.status === "aggregating") return [aggregate];
    const statuses = this.#invocationsOf(round).map(({ status }) => status);
    const counts = {
      reported: statuses.filter((status) => status === "reported").length,
      failed: statuses.filter((status) => status === "failed").length,
    };
    const verdict = closeRound(round, this.#run.spec.round, counts, cause, this.nowMs);
    if (verdict.kind === "wait") {
      return cause === "deadline" && round.status === "training" ? [closeTask(round)] : [];
    }
    this.#setRound(verdict.round);
    return verdict.kind === "extend" ? [closeTask(verdict.round)] : [aggregate];
  }

  #claim(task: Extract<Command, { kind: "invoke" }>): void {
    const { round, clientId } = task;
    const invocation = this.#invocation(round, clientId);
    const next = claim(this.#run, this.#round(round), invocation, true, this.nowMs);
    this.#setInvocation(next);
    this.#training.push({ round, clientId, attempt: next.attempt, task: taskName(task) });
  }

  #reportOf(at: Training | undefined, step: Extract<Step, { kind: "report" }>): void {
    if (at === undefined) return;
    const { round: number, clientId, attempt } = at;
    if (step.result === "bad-update") this.#bad.add(`${number}/${clientId}/${attempt}`);
    const told = buildReport();
    if (told.result.kind === "failure") throw new Error("buildReport brings an update");
    const request = deepFreeze({
      ...told,
      round: number,
      clientId,
      attempt,
      sentAt: this.nowMs,
      result:
        step.result === "failure"
          ? { kind: "failure" as const, failure: { code: "internal", message: "script" } }
          : { ...told.result, update: { ...told.result.update, attempt } },
    });
    const read = step.stale ? this.#earlier : { run: this.#run, rounds: this.#rounds };
    for (const again of step.twice ? [false, true] : [false]) {
      const run = again ? this.#run : read.run;
      const round = (again ? undefined : read.rounds.get(number)) ?? this.#round(number);
      const invocation = this.#invocation(number, clientId);
      const costUsd = this.#costUsd(invocation);
      const decision = report(run, round, invocation, request, costUsd, this.nowMs);
      if (decision.invocation !== null) this.#setInvocation(decision.invocation);
    }
    remove(this.#training, at);
    if (step.dies) return; // The task comes again, and its claim is refused: the round goes on at its deadline.
    this.#dispatch(this.#close(this.#round(number), "report"));
    this.#tasks.delete(at.task);
  }

  #operate(action: ControlAction | "trigger", dies: boolean): void {
    const before = this.#run;
    try {
      const decision =
        action === "trigger" ? trigger(before, this.nowMs) : control(before, action, this.nowMs);
      if (action === "cancel" && before.openRound !== null) {
        this.#setRound(cancelRound(this.#round(before.openRound), this.nowMs));
      }
      this.#setRun(decision.run);
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
    }
    if (!dies) this.#dispatch(pendingCommands(this.#run));
  }

  #beginAggregation(task: Extract<Command, { kind: "aggregate" }>): void {
    const work = this.#aggregate(task);
    work.next();
    this.#aggregating.push(work);
  }

  #goOn(work: Generator<void, void> | undefined, dies: boolean): void {
    if (work === undefined) return;
    try {
      if (!dies && work.next().done !== true) return;
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
    }
    remove(this.#aggregating, work);
  }

  /** The aggregator, transaction by transaction. */
  *#aggregate(task: Extract<Command, { kind: "aggregate" }>): Generator<void, void> {
    const owner = `aggregator-${++this.#owners}`;
    const leased = this.#round(task.round);
    if (leased.status === "aggregating") {
      // Before the lease: whoever has it later may write, and is not to be written over by whoever had it before.
      const there = this.#models.get(leased.baseVersion + 1);
      this.#setRound(takeLease(leased, owner, this.nowMs));
      yield;
      const inbox = this.#readInbox(leased);
      yield;
      if (inbox.fold.newVersion !== null) {
        // Only what was there then is replaced, as with the generation of an object.
        if (this.#models.get(inbox.fold.newVersion) !== there)
          throw new FlError("aborted", "written meanwhile");
        const keys = inbox.fold.consumed.map(updateKey);
        this.#models = new Map(this.#models).set(inbox.fold.newVersion, keys);
      }
      yield;
      const round = this.#round(task.round);
      if (round.status !== "cancelled") {
        const { fold, cohort, late } = inbox;
        const estimate = (invocation: Invocation) => this.#costUsd(invocation);
        const published = publish(this.#run, round, owner, fold, cohort, late, estimate, this.nowMs);
        this.#setRun(published.run);
        this.#setRound(published.round);
      }
    }
    yield;
    const published = this.#round(task.round);
    if (published.status !== "cancelled") {
      for (const { round, clientId } of [
        ...published.outcomes,
        ...published.consumed,
        ...published.dropped,
      ]) {
        const marked = markAfter(published, this.#invocation(round, clientId), this.nowMs);
        if (marked !== null) this.#setInvocation(marked);
        yield;
      }
      const enrolled = enrol(this.#run.runId, this.#shards, this.#clients);
      this.#shards = deepFreeze(enrolled.map((shard) => foldRound(shard, published)));
      yield;
      this.#setRound({ ...this.#round(task.round), followedUp: true });
      yield;
      this.#dispatch(afterPublish(this.#run, this.#round(task.round)));
    }
    this.#tasks.delete(taskName(task));
  }

  #readInbox(round: Round) {
    const cohort = this.#invocationsOf(round);
    const { maxRounds } = this.#run.spec.aggregation.staleness;
    const first = Math.max(1, round.round - maxRounds - 1);
    const earlier = [...this.#rounds.values()].filter(
      (other) => other.round >= first && other.round < round.round,
    );
    const waiting = candidates(
      [...cohort, ...earlier.flatMap((other) => this.#invocationsOf(other))],
      earlier,
    );
    const late = newlyLate(waiting, round, earlier);
    return { cohort, late, fold: this.#fold(round, waiting) };
  }

  #fold(round: Round, waiting: readonly Invocation[]): FoldResult {
    const { staleness: options } = this.#run.spec.aggregation;
    const dropped: FoldResult["dropped"][number][] = [];
    const folded: { readonly of: FoldResult["consumed"][number]; readonly amount: number }[] = [];
    for (const invocation of waiting) {
      const update = updateOf(invocation);
      if (update === null) continue;
      const staleness = round.round - invocation.round;
      if (staleness > options.maxRounds) {
        dropped.push({ ...update, fate: "expired", reason: "too old" });
      } else if (this.#bad.has(`${update.round}/${update.clientId}/${update.attempt}`)) {
        dropped.push({ ...update, fate: "rejected", reason: "bad" });
      } else {
        const samples = invocation.training?.samples ?? 1;
        const amount = samples * stalenessWeight(options, staleness, round.round);
        folded.push({ of: { ...update, samples, staleness, weight: 0 }, amount });
      }
    }
    const total = folded.reduce((sum, { amount }) => sum + amount, 0);
    const consumed = folded.map(({ of, amount }) => ({ ...of, weight: amount / total }));
    const degraded = isDegraded(this.#run, consumed);
    return deepFreeze({
      consumed: degraded ? [] : consumed,
      dropped,
      newVersion: degraded ? null : round.baseVersion + 1,
      aggregateMs: 3,
      aggregateCostUsd: 0.0001,
    });
  }

  #costUsd({ claimedAt }: Invocation): number {
    return claimedAt === null ? 0 : sumUsd([(this.nowMs - claimedAt) * COST_PER_MS]);
  }

  #round(number: number): Round {
    const round = this.#rounds.get(number);
    if (round === undefined) throw new Error(`There is no round ${number}.`);
    return round;
  }

  #invocation(round: number, clientId: string): Invocation {
    const invocation = this.#invocations.get(`${round}/${clientId}`);
    if (invocation === undefined) throw new Error(`There is no invocation of ${clientId} in round ${round}.`);
    return invocation;
  }

  #invocationsOf(round: Round): Invocation[] {
    return round.cohort.map((clientId) => this.#invocation(round.round, clientId));
  }

  #setRun(run: Run): void {
    this.#run = deepFreeze(run);
  }

  #setRound(round: Round): void {
    this.#rounds = new Map(this.#rounds).set(round.round, deepFreeze(round));
  }

  #setInvocation(invocation: Invocation): void {
    const key = `${invocation.round}/${invocation.clientId}`;
    this.#invocations = new Map(this.#invocations).set(key, deepFreeze(invocation));
  }
}

function chosen<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % items.length];
}

function remove<T>(items: T[], item: T | undefined): void {
  const index = item === undefined ? -1 : items.indexOf(item);
  if (index >= 0) items.splice(index, 1);
}
