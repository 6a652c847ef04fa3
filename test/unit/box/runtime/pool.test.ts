// The instances of a function under a clock of our own, with instances that start and end when the test says
// so.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RuntimeEvent } from "../../../../infra/box/runtime/events.ts";
import { functionSettings } from "../../../../infra/box/runtime/functionSpec.ts";
import type { Exit } from "../../../../infra/box/runtime/instance.ts";
import { type Lease, Pool, type PoolInstance } from "../../../../infra/box/runtime/pool.ts";
import { Starts } from "../../../../infra/box/runtime/starts.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface FakeInstance extends PoolInstance {
  listen(startMs?: number): void;
  end(exit?: Exit): void;
  readonly received: string[];
}

function fakeInstance(id: string): FakeInstance {
  const ready = Promise.withResolvers<number>();
  const exited = Promise.withResolvers<Exit>();
  const received: string[] = [];
  const end = (exit: Exit = { code: 1, signal: null }) => {
    exited.resolve(exit);
    ready.reject(new Error("ended"));
  };
  const leave = async (word: string) => {
    received.push(word);
    end({ code: 0, signal: null });
  };
  return {
    id,
    socketPath: "",
    ready: ready.promise,
    exited: exited.promise,
    received,
    listen: (startMs = 400) => ready.resolve(startMs),
    end,
    slow: () => () => {},
    kill: () => leave("kill"),
    stop: () => leave("stop"),
  };
}

function poolOf(given: object = {}, starts: Starts | null = null) {
  const settings = functionSettings({
    name: "f",
    sourceDir: "/",
    target: "f",
    concurrency: 1,
    maxInstances: 2,
    timeoutSeconds: 60,
    idleSeconds: 30,
    ...given,
  });
  const instances: FakeInstance[] = [];
  const events: RuntimeEvent[] = [];
  const pool = new Pool({
    settings,
    graceMs: 1_000,
    starts,
    onEvent: (event) => events.push(event),
    start: (id) => {
      const instance = fakeInstance(id);
      instances.push(instance);
      return instance;
    },
  });
  const never = new AbortController().signal;
  /** Takes part in a race with nothing: null while the lease is not given. */
  const acquire = (signal = never) => {
    const asked: { lease: Lease | null; error: unknown } = { lease: null, error: null };
    pool.acquire(signal).then(
      (lease) => {
        asked.lease = lease;
      },
      (error: unknown) => {
        asked.error = error;
      },
    );
    return asked;
  };
  const instance = (index: number): FakeInstance => {
    const found = instances[index];
    if (found === undefined) throw new Error(`no instance ${index}`);
    return found;
  };
  return { pool, instances, instance, events, acquire };
}

/** Lets everything happen that needs no time. */
const settle = () => vi.advanceTimersByTimeAsync(0);

test("starts an instance for the first request and gives it when it listens", async () => {
  const { instances, instance, events, acquire } = poolOf();
  const asked = acquire();
  await settle();
  expect([instances.length, asked.lease]).toEqual([1, null]);
  instance(0).listen(412);
  await settle();
  expect(asked.lease).toMatchObject({ coldStart: true, instance: { id: "f-0001" } });
  expect(events).toEqual([{ kind: "cold-start", function: "f", instance: "f-0001", startMs: 412 }]);
});

test("the next request finds it warm", async () => {
  const { instances, instance, acquire } = poolOf();
  const first = acquire();
  instance(0).listen();
  await settle();
  first.lease?.release();
  const second = acquire();
  await settle();
  expect(second.lease?.coldStart).toBe(false);
  expect(instances).toHaveLength(1);
});

test("with concurrency 1 every parallel request gets an instance of its own, up to the maximum; then they queue in order", async () => {
  const { pool, instances, instance, acquire } = poolOf();
  const asked = [acquire(), acquire(), acquire(), acquire()];
  await settle();
  expect(instances).toHaveLength(2);
  instance(0).listen();
  instance(1).listen();
  await settle();
  expect(asked.map(({ lease }) => lease?.instance.id)).toEqual(["f-0001", "f-0002", undefined, undefined]);
  expect(pool.stats).toMatchObject({ instances: 2, inFlight: 2, queued: 2 });
  asked[1]?.lease?.release();
  await settle();
  expect(asked.map(({ lease }) => lease?.instance.id)).toEqual(["f-0001", "f-0002", "f-0002", undefined]);
});

test("requests that a starting instance will hold start no second one", async () => {
  const { instances, instance, acquire } = poolOf({ concurrency: 80 });
  const asked = Array.from({ length: 80 }, () => acquire());
  await settle();
  expect(instances).toHaveLength(1);
  acquire();
  expect(instances).toHaveLength(2);
  instance(0).listen();
  await settle();
  expect(asked.every(({ lease }) => lease?.instance.id === "f-0001")).toBe(true);
});

test("fills the busiest instance first, so that others become idle and end", async () => {
  const { pool, instance, events, acquire } = poolOf({ concurrency: 2 });
  const asked = [acquire(), acquire(), acquire()];
  instance(0).listen();
  instance(1).listen();
  await settle();
  asked[2]?.lease?.release();
  asked[1]?.lease?.release();
  expect(acquire().lease).toBeNull();
  await settle();
  expect(pool.stats.inFlight).toBe(2);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(instance(1).received).toEqual(["stop"]);
  expect(events.at(-1)).toMatchObject({
    kind: "instance-exit",
    instance: "f-0002",
    reason: "idle",
    inFlight: 0,
  });
  expect(pool.stats.instances).toBe(1);
});

test("ends an instance after its idle time, to the ms, counted from its last request", async () => {
  const { instance, acquire } = poolOf();
  const first = acquire();
  instance(0).listen();
  await settle();
  first.lease?.release();
  await vi.advanceTimersByTimeAsync(29_000);
  const second = acquire();
  await settle();
  second.lease?.release();
  await vi.advanceTimersByTimeAsync(29_999);
  expect(instance(0).received).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(instance(0).received).toEqual(["stop"]);
});

test("keeps the minimum, and replaces one of it that crashes", async () => {
  const { pool, instances, instance, events, acquire } = poolOf({ minInstances: 1 });
  const filled = pool.fill();
  instance(0).listen();
  await filled;
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(instance(0).received).toEqual([]);
  const asked = acquire();
  await settle();
  expect(asked.lease?.coldStart).toBe(false);
  asked.lease?.release();
  await pool.scaleDown();
  expect(instance(0).received).toEqual([]);
  instance(0).end({ code: null, signal: "SIGSEGV" });
  await settle();
  expect(events.at(-1)).toMatchObject({ kind: "instance-exit", reason: "crash", signal: "SIGSEGV" });
  expect(instances).toHaveLength(2);
  expect(pool.stats.crashes).toBe(1);
});

test("a minimum that cannot start is an error, and is not tried for ever", async () => {
  const { pool, instances, instance } = poolOf({ minInstances: 1 });
  const filled = expect(pool.fill()).rejects.toThrow("ended");
  instance(0).end();
  await filled;
  await settle();
  expect(instances).toHaveLength(1);
});

test("refuses after 10 s, or 3.5 mean starts when that is longer, or what is set", async () => {
  for (const [given, startMs, limitMs] of [
    [{}, 400, 10_000],
    [{}, 4_000, 14_000],
    [{ queueSeconds: 0.5 }, 4_000, 500],
  ] as const) {
    const { pool, instance, acquire } = poolOf({ maxInstances: 1, ...given });
    acquire();
    instance(0).listen(startMs);
    await settle();
    const waiting = acquire();
    await vi.advanceTimersByTimeAsync(limitMs - 1);
    expect(waiting.error).toBeNull();
    await vi.advanceTimersByTimeAsync(101);
    expect(waiting.error).toMatchObject({ code: "resource-exhausted" });
    expect(pool.stats.queued).toBe(0);
  }
});

test("a request that a starting instance will serve waits for it, however long that takes", async () => {
  const { instance, acquire } = poolOf({ maxInstances: 1, queueSeconds: 1 });
  const first = acquire();
  const second = acquire();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(first.error).toBeNull();
  expect(second.error).toMatchObject({ code: "resource-exhausted" });
  instance(0).listen();
  await settle();
  expect(first.lease).not.toBeNull();
});

test("an instance that ends before it listens fails the requests it was for; the rest get another", async () => {
  const { instances, instance, acquire } = poolOf({ maxInstances: 1 });
  const first = acquire();
  const second = acquire();
  instance(0).end();
  await settle();
  expect(first.error).toMatchObject({ code: "unavailable" });
  expect(instances).toHaveLength(2);
  instance(1).listen();
  await settle();
  expect(second.lease?.instance.id).toBe("f-0002");
});

test("a crash takes the instance out of service; the release of its requests is harmless; the next start is cold", async () => {
  const { pool, instance, events, acquire } = poolOf({ maxInstances: 1 });
  const first = acquire();
  instance(0).listen();
  await settle();
  const waiting = acquire();
  await first.lease?.crash();
  await settle();
  expect(instance(0).received).toEqual(["kill"]);
  expect(events.at(-1)).toMatchObject({ kind: "instance-exit", reason: "fault", inFlight: 1 });
  expect(pool.stats.crashes).toBe(0);
  first.lease?.release();
  first.lease?.release();
  instance(1).listen();
  await settle();
  expect(waiting.lease).toMatchObject({ coldStart: true, instance: { id: "f-0002" } });
  expect(pool.stats.inFlight).toBe(1);
});

test("a caller who leaves the queue frees the place in it", async () => {
  const { pool, instance, acquire } = poolOf({ maxInstances: 1 });
  const first = acquire();
  instance(0).listen();
  await settle();
  const leaving = new AbortController();
  const second = acquire(leaving.signal);
  const third = acquire();
  leaving.abort();
  await settle();
  expect(second.error).toMatchObject({ code: "aborted" });
  first.lease?.release();
  await settle();
  expect(third.lease).not.toBeNull();
  expect(acquire(leaving.signal).lease).toBeNull();
  expect(pool.stats.queued).toBe(0);
});

test("scaleDown ends what serves nothing and leaves the rest", async () => {
  const { pool, instance, acquire } = poolOf();
  const first = acquire();
  acquire();
  instance(0).listen();
  instance(1).listen();
  await settle();
  first.lease?.release();
  await pool.scaleDown();
  expect([instance(0).received, instance(1).received]).toEqual([["stop"], []]);
});

test("stop refuses those who wait, ends all instances, starts none, and leaves no timer", async () => {
  const { pool, instances, instance, events, acquire } = poolOf({ maxInstances: 2, minInstances: 1 });
  const serving = acquire();
  instance(0).listen();
  await settle();
  acquire();
  const waiting = acquire();
  await pool.stop();
  await settle();
  expect(waiting.error).toMatchObject({ code: "unavailable" });
  expect(instances.map(({ received }) => received)).toEqual([["stop"], ["stop"]]);
  expect(events.filter((event) => event.kind === "instance-exit")).toMatchObject([
    { reason: "stop" },
    { reason: "stop" },
  ]);
  serving.lease?.release();
  const late = acquire();
  await settle();
  expect(late.error).toMatchObject({ code: "unavailable" });
  expect(instances).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(0);
});

test("in turn, the next instance starts once the first request of the one before is over", async () => {
  const starts = new Starts(1);
  const [one, other] = [poolOf({}, starts), poolOf({}, starts)];
  const first = one.acquire();
  const second = other.acquire();
  await settle();
  expect([one.instances.length, other.instances.length]).toEqual([1, 0]);
  one.instance(0).listen();
  await settle();
  expect(other.instances, "its first request is not over").toHaveLength(0);
  first.lease?.release();
  await settle();
  expect(other.instances).toHaveLength(1);
  other.instance(0).listen();
  await settle();
  expect(second.lease).toMatchObject({ coldStart: true });
});

test("in turn, an instance that ends has started, and one whose request takes long has after a second", async () => {
  const starts = new Starts(1);
  const [one, other, third] = [poolOf({}, starts), poolOf({}, starts), poolOf({}, starts)];
  one.acquire();
  other.acquire();
  third.acquire();
  one.instance(0).end();
  await settle();
  expect([other.instances.length, third.instances.length]).toEqual([1, 0]);
  other.instance(0).listen();
  await vi.advanceTimersByTimeAsync(999);
  expect(third.instances).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(third.instances).toHaveLength(1);
});

test("in turn, nothing starts for requests that another instance has taken, and none is refused for its wait", async () => {
  const { instances, instance, pool, acquire } = poolOf({ maxInstances: 3 }, new Starts(1));
  const asked = [acquire(), acquire(), acquire()];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(instances).toHaveLength(1);
  expect(pool.stats.queued, "however long the start takes").toBe(3);
  instance(0).listen();
  await settle();
  asked[0]?.lease?.release();
  await settle();
  expect(asked[1]?.lease).toMatchObject({ coldStart: false, instance: { id: "f-0001" } });
  expect(instances, "the third still waits").toHaveLength(2);
  asked[1]?.lease?.release();
  await settle();
  expect(asked[2]?.lease).toMatchObject({ instance: { id: "f-0001" } });
  instance(1).listen();
  await settle();
  await pool.stop();
  expect(instances).toHaveLength(2);
});

test("in turn, a pool that stops starts nothing more, and leaves the turn to others", async () => {
  const starts = new Starts(1);
  const [one, other, third] = [poolOf({}, starts), poolOf({}, starts), poolOf({}, starts)];
  one.acquire();
  const asked = other.acquire();
  third.acquire();
  await other.pool.stop();
  expect(asked.error).toMatchObject({ code: "unavailable" });
  await one.pool.stop();
  await settle();
  expect([other.instances.length, third.instances.length]).toEqual([0, 1]);
});
