// One queue under a clock of our own: what goes out when, and what an answer means.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AttemptOutcome, Queue, tombstoneMs } from "../../../../infra/box/tasks/queue.ts";
import type { QueueConfig } from "../../../../infra/box/tasks/queueConfig.ts";

const request = { url: "http://127.0.0.1:1/", method: "POST", headers: {}, body: new Uint8Array() };
const status = (code: number, retryAfterMs?: number): AttemptOutcome => ({
  kind: "status",
  status: code,
  retryAfterMs,
});

function queueWith(config: Partial<QueueConfig> = {}) {
  const queue = new Queue("projects/p/locations/l/queues/q", config, 0);
  const add = (name: string, nowMs = 0, scheduleMs = nowMs) =>
    queue.add({ name, request, deadlineMs: 600_000, scheduleMs }, nowMs);
  const take = (nowMs: number) => queue.takeDue(nowMs).map((task) => task.name);
  return { queue, add, take };
}

test("sends by schedule time, and in order of creation at the same time", () => {
  const { queue, add, take } = queueWith();
  add("later", 0, 50);
  add("b", 0, 20);
  add("a", 0, 20);
  expect(take(19)).toEqual([]);
  expect(queue.wakeAtMs()).toBe(20);
  expect(take(20)).toEqual(["b", "a"]);
  expect(take(50)).toEqual(["later"]);
  expect(queue.wakeAtMs()).toBeUndefined();
});

test("a schedule time in the past is now", () => {
  const { add } = queueWith();
  expect(add("old", 1_000, 5).scheduleMs).toBe(1_000);
});

test("a name is taken while its task exists and for an hour after, to the ms", () => {
  const { queue, add, take } = queueWith();
  const task = add("t");
  expect(() => add("t")).toThrow(/exists/);
  take(0);
  expect(queue.settle(task, status(200), 500)).toBe("done");
  expect(() => add("t", 500 + tombstoneMs - 1)).toThrow(/within the last hour/);
  expect(add("t", 500 + tombstoneMs).name).toBe("t");
});

test("a deleted and a purged task leave their names taken too", () => {
  const { queue, add } = queueWith();
  add("deleted");
  add("purged");
  queue.remove("deleted", 1);
  queue.purge(2);
  expect(queue.depth).toBe(0);
  expect(queue.purgeMs).toBe(2);
  expect(queue.wakeAtMs()).toBeUndefined();
  expect(() => add("deleted", 3)).toThrow(/exists/);
  expect(() => add("purged", 3)).toThrow(/exists/);
});

test("never more attempts at a time than allowed; the end of one lets the next go", () => {
  const { queue, add, take } = queueWith({ maxConcurrentDispatches: 2 });
  const first = add("1");
  add("2");
  add("3");
  expect(take(0)).toEqual(["1", "2"]);
  expect(queue.wakeAtMs()).toBeUndefined();
  queue.settle(first, status(204), 10);
  expect(take(10)).toEqual(["3"]);
});

test("after a burst the rate holds", () => {
  const { queue, add, take } = queueWith({ maxDispatchesPerSecond: 4 });
  for (let i = 0; i < 13; i++) add(`t${i}`);
  expect(take(0)).toHaveLength(10);
  expect(queue.wakeAtMs()).toBe(250);
  expect(take(249)).toEqual([]);
  expect(take(250)).toEqual(["t10"]);
  expect(take(10_000)).toEqual(["t11", "t12"]);
});

test("a failed task waits for its back-off, counts, and is dropped after its last attempt", () => {
  const { queue, add, take } = queueWith({ maxAttempts: 2, minBackoffMs: 200 });
  const task = add("t");
  take(0);
  expect(queue.settle(task, status(500), 30)).toBe("retry");
  expect(task).toMatchObject({ scheduleMs: 230, dispatchCount: 1, responseCount: 1, executionCount: 0 });
  expect(take(229)).toEqual([]);
  expect(take(230)).toEqual(["t"]);
  expect(queue.settle(task, status(404), 240)).toBe("dropped");
  expect(task).toMatchObject({ responseCount: 2, executionCount: 1, previousStatus: 404 });
  expect(queue.depth).toBe(0);
});

test("an attempt without an answer counts as an attempt, not as a response", () => {
  const { queue, add, take } = queueWith();
  const task = add("t");
  take(0);
  expect(queue.settle(task, { kind: "deadline", message: "" }, 10)).toBe("retry");
  expect(task).toMatchObject({ dispatchCount: 1, responseCount: 0 });
  expect(task.previousStatus).toBeUndefined();
});

test("Retry-After moves the next attempt", () => {
  const { queue, add, take } = queueWith();
  const task = add("t");
  take(0);
  queue.settle(task, status(503, 3_000), 10);
  expect(queue.wakeAtMs()).toBe(3_010);
});

test("a paused queue holds its tasks; a forced task goes out all the same", () => {
  const { queue, add, take } = queueWith({ maxConcurrentDispatches: 1 });
  const task = add("t", 0, 9_000);
  add("u");
  queue.state = "PAUSED";
  expect(take(10)).toEqual([]);
  expect(queue.wakeAtMs()).toBeUndefined();
  expect(queue.force("t", 20)).toBe(task);
  expect(queue.running).toBe(1);
  queue.settle(task, status(200), 30);
  queue.state = "RUNNING";
  expect(take(40)).toEqual(["u"]);
});

test("the end of an attempt whose task is gone changes nothing but the count", () => {
  const { queue, add, take } = queueWith();
  const task = add("t");
  take(0);
  queue.remove("t", 5);
  expect(queue.settle(task, status(500), 10)).toBe("gone");
  expect([queue.running, queue.depth]).toEqual([0, 0]);
});

test("a task forced while under way fails once and succeeds once: it is done, and waits no more", () => {
  const { queue, add, take } = queueWith();
  const task = add("t");
  take(0);
  queue.force("t", 1);
  expect(queue.settle(task, status(500), 2)).toBe("retry");
  expect(queue.settle(task, status(200), 3)).toBe("done");
  expect(queue.wakeAtMs()).toBeUndefined();
  expect(queue.running).toBe(0);
});

test("asking for what is not there says so", () => {
  const { queue } = queueWith();
  for (const act of [() => queue.get("x"), () => queue.remove("x", 0), () => queue.force("x", 0)]) {
    expect(act).toThrow(/There is no task x/);
  }
});

test("whatever happens, every task goes out in time order and none is lost", () => {
  const schedule = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(schedule, fc.integer({ min: 1, max: 5 }), (times, concurrency) => {
      const { queue, add } = queueWith({ maxConcurrentDispatches: concurrency, maxAttempts: 1 });
      times.forEach((scheduleMs, i) => {
        add(`t${i}`, 0, scheduleMs);
      });
      const sent: number[] = [];
      for (let wakeAtMs = queue.wakeAtMs(); wakeAtMs !== undefined; wakeAtMs = queue.wakeAtMs()) {
        const due = queue.takeDue(wakeAtMs);
        expect(due.length).toBeGreaterThan(0);
        expect(queue.running).toBeLessThanOrEqual(concurrency);
        for (const task of due) {
          sent.push(task.scheduleMs);
          queue.settle(task, status(200), wakeAtMs);
        }
      }
      expect(sent).toEqual([...times].sort((a, b) => a - b));
      expect(queue.depth).toBe(0);
    }),
  );
});
