// Commands as tasks: where each goes, and that none is lost when others cannot be queued.
import { describe, expect, it } from "vitest";
import {
  callsOf,
  dispatcher,
  type FunctionUrls,
  missingDispatcher,
  taskFor,
} from "../../../shared/cloud/dispatch.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { Task, TaskQueue } from "../../../shared/core/ports/taskQueue.ts";
import { type Command, taskName } from "../../../shared/core/protocol/commands.ts";
import { TASKS } from "../../../shared/core/protocol/tasks.ts";
import { deepFreeze, T0 } from "../../support/builders.ts";
import { refusalOf } from "../../support/refusal.ts";

const urls: FunctionUrls = deepFreeze({
  coordinator: "https://coordinator.example.org",
  aggregator: "https://aggregator.example.org",
  evaluator: "https://evaluator.example.org",
});
const invoke = (clientId: string, timeoutSeconds = 540): Command => ({
  kind: "invoke",
  runId: "run-1",
  round: 7,
  clientId,
  url: `https://${clientId}.example.org/train`,
  timeoutSeconds,
});
const invokes = (count: number) => Array.from({ length: count }, (_, i) => invoke(`c${i}`));

describe("taskFor", () => {
  const cases: [Command, string, { parse(body: unknown): unknown }][] = [
    [{ kind: "prepare", runId: "run-1" }, `${urls.evaluator}/prepare`, TASKS.prepare.body],
    [
      { kind: "open-round", runId: "run-1", request: 3 },
      `${urls.coordinator}/open-round`,
      TASKS["open-round"].body,
    ],
    [
      { kind: "close-round", runId: "run-1", round: 7, pass: 2, atMs: T0 },
      `${urls.coordinator}/close-round`,
      TASKS["close-round"].body,
    ],
    [
      { kind: "pass-on", runId: "run-1", round: 7, group: 2, hop: 3, atMs: T0 },
      `${urls.coordinator}/pass-on`,
      TASKS["pass-on"].body,
    ],
    [{ kind: "aggregate", runId: "run-1", round: 7 }, `${urls.aggregator}/aggregate`, TASKS.aggregate.body],
    [
      { kind: "evaluate", runId: "run-1", round: 7, version: 6 },
      `${urls.evaluator}/evaluate`,
      TASKS.evaluate.body,
    ],
    [{ kind: "prewarm", runId: "run-1", round: 7 }, `${urls.coordinator}/prewarm`, TASKS.prewarm.body],
    [{ kind: "sweep", runId: "run-1", pass: 2, atMs: T0 }, `${urls.coordinator}/sweep`, TASKS.sweep.body],
    [invoke("lab"), "https://lab.example.org/train", TASKS.invoke.body],
  ];
  it.each(cases)("$kind", (command, url, body) => {
    const task = taskFor(command, urls);
    expect(task).toMatchObject({ name: taskName(command), url });
    expect(body.parse(task.body), "its function takes the body").toEqual(task.body);
    expect(task.queue).toBe(command.kind === "invoke" ? "client" : "control");
    // A function's token is for its own address; a client's for the address it is registered with.
    expect(task.audience).toBe(command.kind === "invoke" ? url : new URL(url).origin);
  });

  it.each([
    ["https://lab.example.org/train", "https://lab.example.org/train/warm"],
    ["https://lab.example.org/train/", "https://lab.example.org/train/warm"],
    ["https://lab.example.org", "https://lab.example.org/warm"],
    ["https://lab.example.org/?key=1", "https://lab.example.org/warm?key=1"],
  ])("wakes %s", (url, address) => {
    const command = { kind: "warm", runId: "run-1", round: 8, clientId: "lab", url } as const;
    const task = taskFor(command, urls);
    expect(task).toMatchObject({ name: taskName(command), queue: "client", audience: url });
    expect(task.url).toBe(address);
    expect(TASKS.warm.body.parse(task.body)).toEqual(task.body);
  });

  it("sends later what is for later", () => {
    const close = taskFor({ kind: "close-round", runId: "r", round: 1, pass: 1, atMs: T0 + 5 }, urls);
    expect(close.scheduleAtMs).toBe(T0 + 5);
    const open = { kind: "open-round", runId: "r", request: 1 } as const;
    expect(taskFor({ ...open, atMs: T0 + 6 }, urls).scheduleAtMs).toBe(T0 + 6);
    expect("scheduleAtMs" in taskFor(open, urls)).toBe(false);
    const sweep = { kind: "sweep", runId: "r", pass: 1 } as const;
    expect(taskFor({ ...sweep, atMs: T0 + 7 }, urls).scheduleAtMs).toBe(T0 + 7);
    expect("scheduleAtMs" in taskFor(sweep, urls)).toBe(false);
  });

  it.each([
    [1, 15],
    [15, 15],
    [540, 540],
    [1_800, 1_800],
    [3_600, 1_800],
  ])("waits for a client of %i s for %i s", (timeoutSeconds, deadlineSeconds) => {
    expect(taskFor(invoke("lab", timeoutSeconds), urls).deadlineSeconds).toBe(deadlineSeconds);
  });
});

/** A queue that takes a moment, counts how many calls it has at once, and fails as the test says. */
function queueThat(fails: (task: Task) => Error | null) {
  const added: string[] = [];
  const load = { now: 0, most: 0, calls: 0 };
  const queue: TaskQueue = {
    enqueue: async (task) => {
      load.calls++;
      load.most = Math.max(load.most, ++load.now);
      await Promise.resolve();
      load.now--;
      const failure = fails(task);
      if (failure !== null) throw failure;
      const before = added.includes(task.name);
      if (!before) added.push(task.name);
      return before ? "exists" : "created";
    },
    find: async (name) => (added.includes(name) ? { sentAtMs: null, lastAnswer: null } : null),
    remove: async () => undefined,
    sent: async () => [],
  };
  return { queue, added, load };
}

describe("dispatcher", () => {
  it("queues every command, some at a time; what is queued already is left alone", async () => {
    const { queue, added, load } = queueThat(() => null);
    const dispatch = dispatcher(queue, urls);
    await dispatch(deepFreeze([...invokes(50), invoke("c0")]));
    expect(added).toHaveLength(50);
    expect(load.most).toBeLessThanOrEqual(20);
    await dispatch([]);
    expect(load.calls).toBe(51);
  });

  it("queues the others when one cannot be, and asks to be repeated", async () => {
    const cause = new FlError("invalid-argument", "Task needs a url that begins with http://.");
    const { queue, added } = queueThat(({ name }) => (name.endsWith("_c3") ? cause : null));
    const error = await refusalOf(() => dispatcher(queue, urls)(invokes(45)));
    expect(added).toHaveLength(44);
    expect(error).toMatchObject({ code: "unavailable", retry: "needs-a-person", cause });
    expect(error.message).toBe(`1 of 45 tasks could not be queued. ${cause.message}`);
  });

  it.each(["permission-denied", "not-found", "unauthenticated"] as const)(
    "%s is the deployment's fault, and a person's to put right: never the caller's, and never final",
    async (code) => {
      const { queue } = queueThat(() => new FlError(code, "Task x was not added to queue y."));
      const error = await refusalOf(() => dispatcher(queue, urls)(invokes(1)));
      expect(error).toMatchObject({ code: "unavailable", retry: "needs-a-person" });
      expect(error.message).toContain("queue y");
    },
  );

  it("stops when the queue does not answer, and says so", async () => {
    const outage = new FlError("unavailable", "no answer", { retry: { afterMs: 7_000 } });
    const { queue, load } = queueThat(() => outage);
    await expect(dispatcher(queue, urls)(invokes(100))).rejects.toBe(outage);
    expect(load.calls).toBe(20);
    expect(load.now, "nothing is left under way").toBe(0);
  });

  it("stops at a failure that it does not know", async () => {
    const bug = new TypeError("x is undefined");
    const { queue } = queueThat(() => bug);
    await expect(dispatcher(queue, urls)(invokes(100))).rejects.toBe(bug);
  });
});

/** A queue of which a test decides what has become of its tasks; a name that was used stays used. */
function queueWith(tasks: Readonly<Record<string, "waiting" | "gone">> = {}) {
  const state = new Map(Object.entries(tasks));
  const added: Task[] = [];
  const removed: string[] = [];
  const queue: TaskQueue = {
    enqueue: async (task) => {
      if (state.has(task.name)) return "exists";
      state.set(task.name, "waiting");
      added.push(task);
      return "created";
    },
    find: async (name) => (state.get(name) === "waiting" ? { sentAtMs: 7, lastAnswer: null } : null),
    sent: async () => [...state].flatMap(([name, how]) => (how === "waiting" ? [{ name, untilMs: 99 }] : [])),
    remove: async (name) => {
      removed.push(name);
      state.set(name, "gone");
    },
  };
  return { queue, added, removed, state };
}

describe("missingDispatcher", () => {
  const aggregate: Command = { kind: "aggregate", runId: "run-1", round: 7 };
  const name = taskName(aggregate);
  const missing = (queue: TaskQueue) => missingDispatcher(queue, urls);

  it("asks for what was never asked for, under its own name", async () => {
    const { queue, added } = queueWith();
    expect(await missing(queue)([aggregate, invoke("c0")])).toEqual([aggregate, invoke("c0")]);
    expect(added).toEqual([taskFor(aggregate, urls), taskFor(invoke("c0"), urls)]);
    expect(await missing(queue)([])).toEqual([]);
  });

  it("leaves alone what waits or is being delivered", async () => {
    const { queue, added } = queueWith({ [name]: "waiting" });
    expect(await missing(queue)([aggregate])).toEqual([]);
    expect(added).toEqual([]);
  });

  it("asks again under another name for what has vanished, however often it vanishes", async () => {
    const { queue, added, state } = queueWith({ [name]: "gone" });
    for (const time of [1, 2, 3]) {
      expect(await missing(queue)([aggregate])).toEqual([aggregate]);
      expect(added).toHaveLength(time);
      expect(await missing(queue)([aggregate]), "the new one waits").toEqual([]);
      expect(added).toHaveLength(time);
      for (const one of added) state.set(one.name, "gone");
    }
    const [first] = added;
    expect(first).toEqual({ ...taskFor(aggregate, urls), name: first?.name });
    expect(added.every((task) => task.name.startsWith(`${name}_`))).toBe(true);
  });

  it("a client that the queue has given up is called once more, not for ever", async () => {
    const { queue, added, state } = queueWith({ [taskName(invoke("c0"))]: "gone" });
    expect(await missing(queue)([invoke("c0")])).toHaveLength(1);
    for (const one of added) state.set(one.name, "gone");
    expect(await missing(queue)([invoke("c0")])).toEqual([]);
    expect(added).toHaveLength(1);
  });

  it("a queue that does not answer is said so", async () => {
    const outage = new FlError("unavailable", "no answer");
    const { queue } = queueWith();
    await expect(missing({ ...queue, find: () => Promise.reject(outage) })([aggregate])).rejects.toBe(outage);
    await expect(missing({ ...queue, enqueue: () => Promise.reject(outage) })([aggregate])).rejects.toBe(
      outage,
    );
  });
});

describe("callsOf", () => {
  const name = taskName(invoke("c0"));
  const found = (state: Parameters<typeof queueWith>[0]) =>
    callsOf(queueWith(state).queue, urls).find(invoke("c0"));

  it("distinguishes a call that waits or is being delivered, also under its second name, from one that is over", async () => {
    expect(await found({})).toBeNull();
    expect(await found({ [name]: "gone" })).toBeNull();
    expect(await found({ [name]: "waiting" })).toEqual({ sentAtMs: 7, lastAnswer: null });
    expect(await found({ [name]: "gone", [`${name}_2`]: "waiting" })).toEqual({
      sentAtMs: 7,
      lastAnswer: null,
    });
  });

  it("calls off a call under each of its names", async () => {
    const { queue, removed } = queueWith({ [name]: "gone", [`${name}_2`]: "waiting" });
    await callsOf(queue, urls).callOff(invoke("c0"));
    expect(removed).toEqual([name, `${name}_2`]);
  });
});
