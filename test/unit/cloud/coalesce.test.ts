// Many callers, few calls: none gets an answer that was begun before the question.
import { describe, expect, it } from "vitest";
import { coalesce } from "../../../shared/cloud/coalesce.ts";

/** Calls that end when the test says so; each answers with its number. */
function script() {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const call = () => {
    const number = ends.length;
    return new Promise<number>((resolve, reject) => {
      ends.push({ resolve: () => resolve(number), reject });
    });
  };
  return { ends, call };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("coalesce", () => {
  it("of many callers at once, two calls are made: the first has its own, the others share the next", async () => {
    const { ends, call } = script();
    const join = coalesce<number>();
    const asked = Array.from({ length: 100 }, () => join("k", call));
    expect(ends).toHaveLength(1);
    ends[0]?.resolve();
    await settled();
    expect(ends).toHaveLength(2);
    ends[1]?.resolve();
    expect(await Promise.all(asked)).toEqual([0, ...Array.from({ length: 99 }, () => 1)]);
  });

  it("a caller that asks during the shared call waits for the next one", async () => {
    const { ends, call } = script();
    const join = coalesce<number>();
    const asked = [join("k", call), join("k", call)];
    ends[0]?.resolve();
    await settled();
    asked.push(join("k", call));
    expect(ends, "one at a time").toHaveLength(2);
    ends[1]?.resolve();
    await settled();
    ends[2]?.resolve();
    expect(await Promise.all(asked)).toEqual([0, 1, 2]);
  });

  it("asks anew once nothing is under way: nothing is remembered", async () => {
    const { ends, call } = script();
    const join = coalesce<number>();
    for (const number of [0, 1, 2]) {
      const asked = join("k", call);
      ends[number]?.resolve();
      expect(await asked).toBe(number);
      await settled();
    }
  });

  it("keys do not wait for each other", async () => {
    const { ends, call } = script();
    const join = coalesce<number>();
    const asked = [join("a", call), join("b", call)];
    expect(ends).toHaveLength(2);
    for (const { resolve } of ends) resolve();
    expect(await Promise.all(asked)).toEqual([0, 1]);
  });

  it("a failure is its callers' own: those who wait for the next call get that one's answer", async () => {
    const { ends, call } = script();
    const join = coalesce<number>();
    const [first, second] = [join("k", call), join("k", call)];
    const failed = expect(first).rejects.toThrow("no answer");
    ends[0]?.reject(new Error("no answer"));
    await failed;
    await settled();
    ends[1]?.resolve();
    expect(await second).toBe(1);
  });
});
