// A run in memory: its documents as plain values, the tasks that wait, the clients and functions at work.
// Every step is one transaction of one function; between any two of them anything else may happen, and
// any function at work may die.
import { FlError } from "../../../shared/core/errors.ts";
import { type Command, taskName } from "../../../shared/core/protocol/commands.ts";
import { type ControlAction, createRun, pendingCommands } from "../../../shared/core/round/control.ts";
import { updateKey } from "../../../shared/core/round/inbox.ts";
import { MAX_WORK_MS } from "../../../shared/core/round/sweep.ts";
import { CLAIM_GRACE_MS } from "../../../shared/core/round/watch.ts";
import type { Client } from "../../../shared/core/schemas/client.ts";
import type { ModelInfo } from "../../../shared/core/schemas/model.ts";
import type { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import { buildClient, buildReport, deepFreeze, T0 } from "../../support/builders.ts";
import { checkWaiting, type Documents } from "./invariants.ts";
import { aggregate, type Context, type Point, type Work } from "./world/aggregator.ts";
import * as coordinator from "./world/coordinator.ts";
import { DECISIONS, type Decisions } from "./world/decisions.ts";
import { State } from "./world/state.ts";
import type { Step } from "./world/steps.ts";
import { sweep } from "./world/sweeper.ts";

/** What a step came to, once its picks were made: to play the same on something else. */
export type Act =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "deliver";
      /** The task, by its name in the queue. */
      readonly name: string;
      readonly command: Command;
      readonly stale: boolean;
      readonly dies: boolean;
      /** Names the function at work on it, where its steps are taken one by one. */
      readonly worker: number | null;
      readonly stopsAt: Point | null;
    }
  | {
      readonly kind: "work";
      readonly worker: number;
      readonly dies: boolean;
      /** The step that it is about to take; null once it is at work no more. */
      readonly stopsAt: Point | null;
    }
  | {
      readonly kind: "report";
      readonly request: ReportRequest;
      /** The name of the task that called the client. */
      readonly task: string;
      readonly bad: boolean;
      readonly stale: boolean;
      readonly twice: boolean;
      readonly dies: boolean;
    }
  | { readonly kind: "upload"; readonly round: number; readonly clientId: string; readonly attempt: number }
  | { readonly kind: "operate"; readonly action: ControlAction | "trigger"; readonly dies: boolean }
  | { readonly kind: "purge"; readonly names: readonly string[] }
  | { readonly kind: "watch" };

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

interface Training {
  readonly round: number;
  readonly clientId: string;
  readonly attempt: number;
  readonly task: string;
  /** When its function is ended. */
  readonly untilMs: number;
}

interface Worker {
  readonly id: number;
  readonly task: string;
  readonly work: Work;
}

export interface WorldOptions {
  readonly spec: StoredRunSpec;
  readonly clientIds: readonly string[];
  readonly runId?: string;
  readonly model?: ModelInfo;
  /** What clients report of the file that they upload. */
  readonly describeUpdate?: (baseVersion: number) => { readonly sizeBytes: number; readonly sha256: string };
  /** The product's where absent. */
  readonly decide?: Partial<Decisions>;
  /** Where functions whose steps are taken one by one stop; everywhere where absent. */
  readonly pauses?: ReadonlySet<Point>;
}

const TINY: ModelInfo = { parameters: [{ name: "w", shape: [2] }], parameterCount: 2, sizeBytes: 8 };
const NOTHING: Act = { kind: "nothing" };

export class World {
  /** The time that the step which came last was taken at. */
  atMs = T0;
  /** How many tasks the watchdog has asked for. */
  watchdogFound = 0;
  #nowMs = T0;
  readonly #state: State;
  readonly #context: Context;
  readonly #model: ModelInfo;
  readonly #pauses: ReadonlySet<Point> | null;
  readonly #describeUpdate: WorldOptions["describeUpdate"];
  /** The run and the rounds as they were before the step under way. */
  #earlier: coordinator.Read;
  /** Tasks not done yet, by name; a name that was used once is never taken again. */
  readonly #tasks = new Map<string, Command>();
  readonly #usedNames = new Set<string>();
  #training: readonly Training[] = [];
  readonly #workers: Worker[] = [];
  readonly #bad = new Set<string>();
  #hired = 0;

  constructor(options: WorldOptions) {
    const { spec, clientIds, runId = "run-1", model = TINY, decide = {}, pauses } = options;
    const clients = clientIds.map((clientId) => buildClient({ clientId }));
    this.#state = new State(createRun(runId, spec, "operator@example.org", T0), clients);
    this.#context = {
      state: this.#state,
      decide: { ...DECISIONS, ...decide },
      bad: this.#bad,
      nowMs: () => this.atMs,
    };
    this.#model = model;
    this.#pauses = pauses ?? null;
    this.#describeUpdate = options.describeUpdate;
    this.#earlier = { run: this.#state.run, rounds: this.#state.rounds };
    this.#dispatch(pendingCommands(this.#state.run));
  }

  documents(): Documents {
    return this.#state.documents();
  }

  /** Names of the tasks that are not done. */
  tasks(): readonly string[] {
    return [...this.#tasks.keys()];
  }

  /** Whether some function is in the middle of its steps. */
  isAtWork(): boolean {
    return this.#workers.length > 0;
  }

  /**
   * `pick` chooses among whatever there is to choose from. A step with nothing to choose from does nothing.
   */
  perform(step: Step): Act {
    const earlier = { run: this.#state.run, rounds: this.#state.rounds };
    this.#nowMs += 1;
    this.atMs = this.#nowMs;
    this.#training = this.#training.filter(({ untilMs }) => untilMs > this.#nowMs);
    const act = this.#act(step);
    this.#earlier = earlier;
    return act;
  }

  /**
   * Lets every function finish and none die, and the watchdog look after what is missing until it finds
   * nothing. Returns false when there is no end to it.
   */
  settle(afterEach: (act: Act) => void): boolean {
    for (let steps = 0; steps < 3_000; steps++) {
      if (this.#workers.length > 0) afterEach(this.perform({ kind: "work", pick: 0, dies: false }));
      else if (this.#training.length > 0) {
        const result = "update";
        afterEach(this.perform({ kind: "report", pick: 0, result, stale: false, twice: false, dies: false }));
      } else if (this.#tasks.size > 0) {
        this.#checkWaiting();
        afterEach(this.perform({ kind: "deliver", pick: this.#firstDue(), stale: false, dies: false }));
      } else {
        // By then no function can be at work any more, and each task may be asked for again.
        this.perform({ kind: "wait", ms: MAX_WORK_MS + CLAIM_GRACE_MS });
        afterEach(this.perform({ kind: "watch" }));
        if (this.#tasks.size === 0) return true;
      }
    }
    return false;
  }

  /** Before time passes: no function is at work, so every client that the run waits for must be silent. */
  #checkWaiting(): void {
    const due = [...this.#tasks.values()][this.#firstDue()];
    if (due === undefined || !("atMs" in due) || (due.atMs ?? 0) <= this.#nowMs) return;
    checkWaiting(this.#state.documents());
  }

  #act(step: Step): Act {
    switch (step.kind) {
      case "deliver":
        return this.#deliver(chosen([...this.#tasks], step.pick), step);
      case "deliver-one": {
        const underWay = new Set(this.#training.map(({ task }) => task));
        const tasks = [...this.#tasks].filter(([name, { kind }]) => kind === step.of && !underWay.has(name));
        return this.#deliver(chosen(tasks, step.pick), step);
      }
      case "report":
        return this.#report(chosen(this.#training, step.pick), step);
      case "client-dies":
        return this.#clientDies(chosen(this.#training, step.pick), step.uploads);
      case "work":
        return this.#goOn(chosen(this.#workers, step.pick), step.dies);
      case "operate":
        return this.#operate(step.action, step.dies);
      case "purge":
        return this.#purge(step.pick);
      case "come-or-go":
        return this.#comeOrGo(chosen(this.#state.clients, step.pick));
      case "watch":
        this.watchdogFound += this.#dispatchMissing(coordinator.watch(this.#context));
        return { kind: "watch" };
      case "wait":
        this.#nowMs += step.ms;
        return NOTHING;
    }
  }

  #firstDue(): number {
    const dueMs = [...this.#tasks.values()].map((task) => ("atMs" in task ? (task.atMs ?? 0) : 0));
    return dueMs.indexOf(Math.min(...dueMs));
  }

  #dispatch(commands: readonly Command[]): void {
    for (const command of commands) this.#enqueue(taskName(command), command);
  }

  #enqueue(name: string, command: Command): boolean {
    if (this.#usedNames.has(name)) return false;
    this.#usedNames.add(name);
    this.#tasks.set(name, command);
    return true;
  }

  /** A task that is done has left its name behind, so what seems missing is asked for under another one. */
  #dispatchMissing(commands: readonly Command[]): number {
    const found = commands.filter((command) => {
      const most = command.kind === "invoke" ? 2 : 50;
      for (let number = 1; number <= most; number++) {
        const name = number === 1 ? taskName(command) : `${taskName(command)}_${number}`;
        if (this.#tasks.has(name)) return false;
        if (this.#enqueue(name, command)) return true;
      }
      return false;
    });
    return found.length;
  }

  /**
   * The queue's call. A task is done when its function has answered; one that died or asked for a retry comes
   * again.
   */
  #deliver(
    task: readonly [name: string, command: Command] | undefined,
    { stale, dies }: { readonly stale: boolean; readonly dies: boolean },
  ): Act {
    if (task === undefined) return NOTHING;
    const [name, command] = task;
    if ("atMs" in command) this.#nowMs = Math.max(this.#nowMs, command.atMs ?? 0);
    this.atMs = this.#nowMs;
    let worker: number | null = null;
    let stopsAt: Point | null = null;
    if (command.kind === "aggregate" || command.kind === "sweep") {
      worker = ++this.#hired;
      stopsAt = this.#hire(worker, name, command, dies);
    } else if (command.kind === "invoke") this.#claim(name, command, stale, dies);
    else if (command.kind === "warm") this.#answer(name, dies, () => []);
    else if (command.kind === "check" || command.kind === "check-client" || command.kind === "score")
      throw new Error("a run asks for none of these");
    else this.#answer(name, dies, () => this.#handle(command, dies));
    return { kind: "deliver", name, command, stale, dies, worker, stopsAt };
  }

  /**
   * Asks for the tasks that a function wants, and is done with its own unless it failed so that a retry may
   * help. A function that returns null is in the middle of its steps.
   */
  #answer(task: string, dies: boolean, handle: () => readonly Command[] | null): void {
    try {
      const commands = handle();
      if (commands === null || dies) return;
      this.#dispatch(commands);
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
      if (typeof error.retry === "object") this.#nowMs += error.retry.afterMs;
      if (error.retry !== "never") {
        this.#putLast(task);
        return;
      }
    }
    this.#tasks.delete(task);
  }

  /** What is repeated lets the others go first. */
  #putLast(task: string): void {
    const command = this.#tasks.get(task);
    if (command === undefined || !this.#tasks.delete(task)) return;
    this.#tasks.set(task, command);
  }

  #handle(
    command: CommandOf<"prepare" | "open-round" | "close-round" | "pass-on" | "prewarm" | "evaluate">,
    dies: boolean,
  ): readonly Command[] {
    switch (command.kind) {
      case "prewarm":
        return coordinator.prewarm(command.round, this.#context);
      case "prepare":
        return coordinator.prepare(this.#model, this.#context);
      case "open-round":
        return coordinator.openRound(
          command.request,
          this.#context,
          (missing) => {
            this.#dispatchMissing(missing);
          },
          dies,
        );
      case "pass-on":
        return coordinator.passOnAtDeadline(command.round, command.group, command.hop, this.#context);
      case "close-round":
        return coordinator.closeAtDeadline(command.round, command.pass, this.#context);
      case "evaluate":
        coordinator.evaluate(command.round, command.version, this.#context);
        return [];
    }
  }

  #claim(name: string, { round, clientId }: CommandOf<"invoke">, stale: boolean, dies: boolean): void {
    if (this.#state.clients.some((client) => client.clientId === clientId && client.retired)) {
      this.#tasks.delete(name);
      return;
    }
    const { attempt, commands } = coordinator.claim({ round, clientId }, this.#read(stale), this.#context);
    if (attempt === null) {
      this.#answer(name, dies, () => commands);
      return;
    }
    const { timeoutSeconds } = this.#state.invocation(round, clientId).capacity;
    const untilMs = this.atMs + timeoutSeconds * 1_000;
    if (!dies) this.#training = [...this.#training, { round, clientId, attempt, task: name, untilMs }];
  }

  #report(at: Training | undefined, step: Extract<Step, { kind: "report" }>): Act {
    if (at === undefined) return NOTHING;
    const { stale, twice, dies } = step;
    const bad = step.result === "bad-update";
    if (step.result !== "failure") this.#state.upload(at);
    if (bad) this.#bad.add(updateKey(at));
    const { baseVersion, relay } = this.#state.invocation(at.round, at.clientId);
    const file = this.#describeUpdate?.(baseVersion);
    const starts = (relay?.from ?? []).map((one) => updateKey({ ...one, round: at.round }));
    const good = starts.findIndex((key) => !this.#bad.has(key));
    const passedOver = good < 0 ? starts.length : good;
    const request = requestOf(this.#state.run.runId, at, step.result, this.atMs, file, passedOver);
    this.#training = this.#training.filter((other) => other !== at);
    for (const again of twice ? [false, true] : [false]) {
      const { close } = coordinator.report(request, this.#read(stale && !again), this.#context);
      // One that died before it could close the round: the task comes again, and its claim looks.
      if (!dies) this.#dispatch(close());
    }
    if (!dies) this.#tasks.delete(at.task);
    return { kind: "report", request, task: at.task, bad, stale, twice, dies };
  }

  #clientDies(at: Training | undefined, uploads: boolean): Act {
    if (at === undefined) return NOTHING;
    this.#training = this.#training.filter((other) => other !== at);
    if (!uploads) return NOTHING;
    this.#state.upload(at);
    const { round, clientId, attempt } = at;
    return { kind: "upload", round, clientId, attempt };
  }

  /** Who has left is refused, whatever it was at work on: its function is done with that. */
  #comeOrGo(client: Client | undefined): Act {
    if (client === undefined) return NOTHING;
    this.#state.toggleClient(client.clientId, this.atMs);
    this.#training = this.#training.filter(({ clientId }) => clientId !== client.clientId);
    return NOTHING;
  }

  #operate(action: ControlAction | "trigger", dies: boolean): Act {
    const { decide } = this.#context;
    const before = this.#state.run;
    try {
      const { run } =
        action === "trigger" ? decide.trigger(before, this.atMs) : decide.control(before, action, this.atMs);
      if (action === "cancel" && before.openRound !== null) {
        this.#state.setRound(decide.cancelRound(this.#state.round(before.openRound), this.atMs));
      }
      this.#state.setRun(run);
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
    }
    if (!dies) this.#dispatch(pendingCommands(this.#state.run));
    return { kind: "operate", action, dies };
  }

  /** Tasks vanish: one of them, or all. Work on one that has begun goes on. */
  #purge(pick: number | null): Act {
    const names = [...this.#tasks.keys()];
    const lost = pick === null ? names : names.filter((_, index) => index === pick % names.length);
    for (const name of lost) this.#tasks.delete(name);
    return { kind: "purge", names: lost };
  }

  #hire(id: number, task: string, command: CommandOf<"aggregate" | "sweep">, dies: boolean): Point | null {
    const work =
      command.kind === "aggregate"
        ? aggregate(command.round, this.#context)
        : sweep(command.pass, this.#context, (missing) => {
            this.#dispatchMissing(missing);
          });
    const worker = { id, task, work };
    this.#workers.push(worker);
    return this.#advance(worker, dies);
  }

  #goOn(worker: Worker | undefined, dies: boolean): Act {
    if (worker === undefined) return NOTHING;
    return { kind: "work", worker: worker.id, dies, stopsAt: this.#advance(worker, dies) };
  }

  /** The step that the function stops before; null when it has ended, or died. */
  #advance(worker: Worker, dies: boolean): Point | null {
    let stopsAt: Point | null = null;
    if (!dies) {
      this.#answer(worker.task, false, () => {
        for (;;) {
          const next = worker.work.next();
          if (next.done === true) return next.value;
          if (this.#pauses !== null && !this.#pauses.has(next.value)) continue;
          stopsAt = next.value;
          return null;
        }
      });
    }
    if (stopsAt === null) this.#workers.splice(this.#workers.indexOf(worker), 1);
    return stopsAt;
  }

  #read(stale: boolean): coordinator.Read {
    return stale ? this.#earlier : { run: this.#state.run, rounds: this.#state.rounds };
  }
}

/** What a client reports: the same times always, so that only the order of events matters. */
function requestOf(
  runId: string,
  { round, clientId, attempt }: Training,
  kind: "update" | "bad-update" | "failure",
  sentAt: number,
  file: { readonly sizeBytes: number; readonly sha256: string } | undefined,
  passedOver: number,
): ReportRequest {
  const built = buildReport();
  if (built.result.kind === "failure") throw new Error("buildReport brings an update");
  const result: ReportRequest["result"] =
    kind === "failure"
      ? { kind: "failure", failure: { code: "internal", message: "script" } }
      : {
          ...built.result,
          update: { ...built.result.update, ...file, attempt },
          ...(passedOver === 0 ? {} : { passedOver }),
        };
  return deepFreeze({ ...built, runId, round, clientId, attempt, sentAt, result });
}

function chosen<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % items.length];
}
