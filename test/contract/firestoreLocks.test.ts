// The locks of the embedded Firestore: one holder at a time, first come first served, and no wait that never
// ends.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DocumentLocks, LockOwner } from "../../infra/box/firestore/locks.ts";
import { runs } from "../support/tier.ts";

const waitMs = 1_000;
const aborted = expect.objectContaining({ code: "aborted", retry: "soon" });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  expect(vi.getTimerCount(), "a timer was left behind").toBe(0);
  vi.useRealTimers();
});

describe("a lock", () => {
  it("goes to those who wait in the order in which they came", async () => {
    const locks = new DocumentLocks(waitMs);
    const owners = ["a", "b", "c"].map((id) => ({ id, owner: new LockOwner() }));
    const order: string[] = [];
    const all = owners.map(async ({ id, owner }) => {
      await locks.acquire(owner, "d");
      order.push(id);
      locks.release(owner);
    });
    await Promise.all(all);
    expect(order).toEqual(["a", "b", "c"]);
  });

  it("is held once by an owner that asks twice, also while it waits", async () => {
    const locks = new DocumentLocks(waitMs);
    const [a, b] = [new LockOwner(), new LockOwner()];
    await locks.acquire(a, "d");
    await locks.acquire(a, "d");
    const waits = [locks.acquire(b, "d"), locks.acquire(b, "d")];
    locks.release(a);
    await Promise.all(waits);
    expect([...b.held]).toEqual(["d"]);
    locks.release(b);
  });

  it("is waited for no longer than the time given, to the millisecond", async () => {
    const locks = new DocumentLocks(waitMs);
    const [a, b] = [new LockOwner(), new LockOwner()];
    await locks.acquire(a, "d");
    const outcome = vi.fn();
    const wait = locks.acquire(b, "d").catch(outcome);
    await vi.advanceTimersByTimeAsync(waitMs - 1);
    expect(outcome).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(outcome).toHaveBeenCalledWith(aborted);
    await wait;
    locks.release(a);
    await locks.acquire(new LockOwner(), "d");
  });

  it("does not go to an owner that was released while it waited", async () => {
    const locks = new DocumentLocks(waitMs);
    const [a, b, c] = [new LockOwner(), new LockOwner(), new LockOwner()];
    await locks.acquire(a, "d");
    const waits = [locks.acquire(b, "d"), locks.acquire(c, "d")];
    locks.release(b);
    locks.release(a);
    await expect(waits[0]).rejects.toEqual(aborted);
    await waits[1];
    expect([...c.held]).toEqual(["d"]);
    locks.release(c);
  });
});

describe("a circle of waits", () => {
  it("fails the owner that closes it, at once", async () => {
    const locks = new DocumentLocks(waitMs);
    const [a, b] = [new LockOwner(), new LockOwner()];
    await locks.acquire(a, "1");
    await locks.acquire(b, "2");
    const wait = locks.acquire(a, "2");
    await expect(locks.acquire(b, "1")).rejects.toEqual(aborted);
    locks.release(b);
    await wait;
    locks.release(a);
  });

  it("is seen through a queue: to wait behind someone is to wait for them", async () => {
    const locks = new DocumentLocks(waitMs);
    const [holder, first, second] = [new LockOwner(), new LockOwner(), new LockOwner()];
    await locks.acquire(holder, "1");
    await locks.acquire(second, "2");
    const waits = [locks.acquire(first, "1"), locks.acquire(second, "1")];
    await expect(locks.acquire(first, "2")).rejects.toEqual(aborted);
    for (const owner of [holder, first, second]) locks.release(owner);
    await Promise.allSettled(waits);
  });
});

describe("any number of owners", () => {
  it("never hold one document together, and all come to an end without waiting out their time", async () => {
    const names = fc.array(fc.constantFrom("1", "2", "3", "4"), { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.array(names, { minLength: 2, maxLength: 6 }),
      async (s, wanted) => {
        const locks = new DocumentLocks(waitMs);
        const holders = new Map<string, LockOwner>();
        const ends = wanted.map(async (wantedNames) => {
          const owner = new LockOwner();
          try {
            for (const name of wantedNames) {
              await s.schedule(Promise.resolve());
              await locks.acquire(owner, name);
              const other = holders.get(name);
              if (other !== undefined && other !== owner) throw new Error(`${name} is held twice`);
              holders.set(name, owner);
            }
            await s.schedule(Promise.resolve());
            return "done";
          } catch (error) {
            expect(error).toEqual(aborted);
            return "aborted";
          } finally {
            for (const [name, holder] of holders) if (holder === owner) holders.delete(name);
            locks.release(owner);
          }
        });
        await s.waitFor(Promise.all(ends));
        expect(await Promise.all(ends)).toContain("done");
        expect(vi.getTimerCount()).toBe(0);
        await locks.acquireAll(new LockOwner(), ["1", "2", "3", "4"]);
      },
    );
    await fc.assert(property, { numRuns: runs(200) });
  });
});
