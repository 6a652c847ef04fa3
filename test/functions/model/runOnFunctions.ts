// One run on the functions, played as a world says: each act is a call, a delivery, a death or an upload, at
// its time.
import * as z from "zod";
import type { Dispatch } from "../../../shared/cloud/dispatch.ts";
import { type Ref, refs, type Store } from "../../../shared/core/ports/store.ts";
import type { Task } from "../../../shared/core/ports/taskQueue.ts";
import { updateObject } from "../../../shared/core/round/objects.ts";
import { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import type { UpdateId } from "../../../shared/core/schemas/round.ts";
import type { StoredRunSpec } from "../../../shared/core/schemas/spec.ts";
import type { HttpResponse } from "../../../shared/http/message.ts";
import { T0 } from "../../support/builders.ts";
import type { Documents } from "../../unit/round/invariants.ts";
import type { Point } from "../../unit/round/world/aggregator.ts";
import type { Act } from "../../unit/round/world.ts";
import { type Call, type FunctionName, type ModelCloud, updateFile } from "./cloud.ts";
import { FunctionAtWork, type Hands, InstanceEnded } from "./functionAtWork.ts";
import { HeldQueue } from "./heldQueue.ts";
import { MemoryBucket } from "./memoryBucket.ts";
import { overridden } from "./overridden.ts";

/**
 * Where functions stop whose steps are taken one by one. Marks, roster and removals go on beside each other,
 * unstopped.
 */
export const PAUSES: ReadonlySet<Point> = new Set<Point>([
  "fix-inputs",
  "write-model",
  "publish",
  "mark-settled",
  "finish-round",
  "enqueue",
  "sweep-invocation",
  "finish-sweep",
]);

const Ignored = z.object({ ignored: z.unknown() });

type ActOf<Kind extends Act["kind"]> = Extract<Act, { kind: Kind }>;

export class RunOnFunctions {
  readonly queue = new HeldQueue();
  readonly objects = new MemoryBucket();
  readonly #cloud: ModelCloud;
  #runId = "";
  #nowMs = T0;
  readonly #atWork = new Map<number, { readonly task: string; readonly function: FunctionAtWork }>();

  constructor(cloud: ModelCloud) {
    this.#cloud = cloud;
  }

  /** Returns the run's id. */
  async create(spec: StoredRunSpec): Promise<string> {
    const call = { path: "/v1/runs", body: spec, as: "operator" } as const;
    const { body } = await this.#call("api", call, this.#hands({}));
    this.#runId = z.object({ runId: z.string() }).parse(body).runId;
    return this.#runId;
  }

  /**
   * @param now what the documents are before the act.
   * @param earlier what a coordinator knows that has read before the act that came last.
   * @returns where a function stopped whose steps are taken one by one; null of any other.
   */
  async perform(act: Act, atMs: number, now: Documents, earlier: Documents): Promise<Point | null> {
    this.#nowMs = atMs;
    switch (act.kind) {
      case "nothing":
        return null;
      case "deliver":
        return this.#deliver(act, earlier);
      case "work":
        return this.#work(act);
      case "report":
        await this.#report(act, now, earlier);
        return null;
      case "upload":
        await this.#upload(act, now);
        return null;
      case "operate": {
        const path = act.action === "trigger" ? "rounds" : act.action;
        await this.#call(
          "api",
          { path: `/v1/runs/${this.#runId}/${path}`, as: "operator" },
          this.#hands(act),
        );
        return null;
      }
      case "purge":
        for (const name of act.names) this.queue.drop(name);
        return null;
      case "watch":
        await this.#call("coordinator", { path: "/watchdog", body: {}, as: "queue" }, this.#hands({}));
        return null;
    }
  }

  /** Ends whatever is still at work. */
  async stop(): Promise<void> {
    for (const { function: one } of this.#atWork.values()) await one.die();
    this.#atWork.clear();
  }

  async #deliver(act: ActOf<"deliver">, earlier: Documents): Promise<Point | null> {
    const task = this.queue.task(act.name);
    if (act.worker !== null) return act.dies ? null : this.#hire(act.worker, task);
    const called = this.#cloud.calledBy(task.url);
    if (act.command.kind === "warm") {
      if (!act.dies) this.queue.drop(task.name);
    } else if (called === null) await this.#claim(act, task, earlier);
    else {
      const { name, path } = called;
      const answer = await this.#call(name, { path, body: task.body, as: "queue" }, this.#hands(act));
      this.#settle(task.name, answer, act.dies);
    }
    return null;
  }

  /** A client is called, and claims: it is done at once where there is nothing for it to do. */
  async #claim(act: ActOf<"deliver">, task: Task, earlier: Documents): Promise<void> {
    const place = z.object({ runId: z.string(), round: z.number(), clientId: z.string() }).parse(task.body);
    const answer = await this.#call(
      "coordinator",
      { path: "/claim", body: { ...place, coldStart: true }, as: { clientId: place.clientId } },
      this.#hands(act, act.stale ? earlier : null),
    );
    if (answer.status === 409 && !act.dies) this.queue.drop(task.name);
  }

  async #hire(worker: number, task: Task): Promise<Point | null> {
    const called = this.#cloud.calledBy(task.url);
    if (called === null) throw new Error(`${task.name} calls no function of ours.`);
    const { name, path } = called;
    const started = new FunctionAtWork(this.#hands({}), PAUSES, (hands) =>
      this.#call(name, { path, body: task.body, as: "queue" }, hands),
    );
    this.#atWork.set(worker, { task: task.name, function: started });
    return this.#after(worker, task.name, await started.next());
  }

  async #work({ worker, dies }: ActOf<"work">): Promise<Point | null> {
    const at = this.#atWork.get(worker);
    if (at === undefined) throw new Error(`Function ${worker} is not at work.`);
    if (!dies) return this.#after(worker, at.task, await at.function.goOn());
    await at.function.die();
    this.#atWork.delete(worker);
    return null;
  }

  #after(worker: number, task: string, stop: Awaited<ReturnType<FunctionAtWork["next"]>>): Point | null {
    if (stop.at !== null) return stop.at;
    this.#atWork.delete(worker);
    this.#settle(task, stop.response, false);
    return null;
  }

  async #report(act: ActOf<"report">, now: Documents, earlier: Documents): Promise<void> {
    const { request, bad, stale, twice, dies, task } = act;
    if (request.result.kind === "update") await this.#upload(request, now, bad ? Number.NaN : 1);
    const body = z.encode(ReportRequest, request);
    for (const again of twice ? [false, true] : [false]) {
      const hands = dies ? this.#handsThatEndWithReport() : this.#hands({});
      const store = stale && !again ? withEarlier(hands.store, earlier) : hands.store;
      await this.#call("coordinator", { path: "/report", body, as: request }, { ...hands, store });
    }
    if (!dies) this.queue.drop(task);
  }

  async #upload(update: UpdateId, { rounds }: Documents, value = 1): Promise<void> {
    const baseVersion = rounds[update.round - 1]?.baseVersion ?? 0;
    await this.objects.write(updateObject(this.#runId, update), updateFile(baseVersion, value));
  }

  #call(name: FunctionName, call: Pick<Call, "path" | "body" | "as">, hands: Hands): Promise<HttpResponse> {
    const nowMs = () => this.#nowMs;
    return this.#cloud.call(name, {
      ...call,
      nowMs,
      hands,
      dispatchMissing: this.#cloud.missingOn(this.queue, nowMs),
    });
  }

  /**
   * The queue's task is done once a function has answered well; unless that function has died before it
   * could.
   */
  #settle(task: string, { status, body }: HttpResponse, dies: boolean): void {
    if (status < 300 && (!dies || Ignored.safeParse(body).success)) this.queue.drop(task);
  }

  /** @param dies before it asks for the tasks that follow. */
  #hands({ dies = false }: { readonly dies?: boolean }, earlier: Documents | null = null): Hands {
    const { store, objects, dispatch } = this.#cloud.handsOn(this.queue, this.objects);
    const ended: Dispatch = () => Promise.reject(new InstanceEnded());
    return {
      store: withEarlier(
        overridden<Store>(store, {
          // Other runs of this database do not concern this test.
          unsweptRuns: async () => (await store.unsweptRuns()).filter(({ runId }) => runId === this.#runId),
        }),
        earlier,
      ),
      objects,
      dispatch: dies ? ended : dispatch,
    };
  }

  /** Of an instance that ends once the report is written down. */
  #handsThatEndWithReport(): Hands {
    const hands = this.#hands({ dies: true });
    const { store } = hands;
    return {
      ...hands,
      store: overridden<Store>(store, {
        countInvocations: () => Promise.reject(new InstanceEnded()),
      }),
    };
  }
}

/** Reads the run and its rounds as they were; what was not there yet, as it is. */
function withEarlier(store: Store, earlier: Documents | null): Store {
  if (earlier === null) return store;
  const { runId } = earlier.run;
  const then = new Map<string, unknown>([
    [refs.run(runId).path, earlier.run],
    ...earlier.rounds.map((round) => [refs.round(runId, round.round).path, round] as const),
  ]);
  return overridden<Store>(store, {
    get: async <T>(ref: Ref<T>) => {
      const value = then.get(ref.path);
      // It was read from that path.
      return value === undefined ? store.get(ref) : (value as T);
    },
  });
}
