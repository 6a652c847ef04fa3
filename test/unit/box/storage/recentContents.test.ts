// Which contents the local storage keeps in memory, and for how long.
import { describe, expect, it } from "vitest";
import { RecentContents } from "../../../../infra/box/storage/recentContents.ts";

const MIB = 1 << 20;
/** The whole of a content. */
const bytesOf = (recent: RecentContents, file: string) => {
  const pieces = recent.get(file, 0, Number.POSITIVE_INFINITY);
  return pieces && Buffer.concat(pieces);
};
const filled = (mib: number, value: number) => [new Uint8Array(mib * MIB).fill(value)];

describe("recent contents", () => {
  it("are those of at most 4 MiB", () => {
    expect(RecentContents.takes(4 * MIB)).toBe(true);
    expect(RecentContents.takes(4 * MIB + 1)).toBe(false);
  });

  it("are given whole or in part, as the pieces that they came in", () => {
    const recent = new RecentContents();
    recent.keep("a", [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3, 4, 5), Uint8Array.of(6)]);
    const part = (start: number, endExclusive: number) =>
      recent.get("a", start, endExclusive)?.map((piece) => [...piece]);
    expect(part(0, 6)).toEqual([[1, 2], [3, 4, 5], [6]]);
    expect(part(1, 4)).toEqual([[2], [3, 4]]);
    expect(part(3, 4)).toEqual([[4]]);
    expect(part(5, 99)).toEqual([[6]]);
    expect(part(2, 2)).toEqual([]);
    recent.keep("empty", []);
    expect(recent.get("empty", 0, 0)).toEqual([]);
    expect(recent.get("none", 0, 1)).toBeUndefined();
  });

  it("take 64 MiB together: those used longest ago go", () => {
    const recent = new RecentContents();
    for (let i = 0; i < 16; i++) recent.keep(`${i}`, filled(4, i));
    expect(bytesOf(recent, "0")?.[0]).toBe(0);
    recent.keep("more", filled(4, 99));
    expect(bytesOf(recent, "1")).toBeUndefined();
    expect(bytesOf(recent, "0")?.byteLength).toBe(4 * MIB);
    expect(bytesOf(recent, "more")?.[0]).toBe(99);
  });

  it("make room when they are forgotten or written again", () => {
    const recent = new RecentContents();
    for (let i = 0; i < 16; i++) recent.keep(`${i}`, filled(4, i));
    recent.forget("3");
    recent.forget("3");
    recent.forget("unknown");
    expect(bytesOf(recent, "3")).toBeUndefined();
    recent.keep("4", filled(4, 44));
    recent.keep("16", filled(4, 16));
    expect(bytesOf(recent, "0")?.[0]).toBe(0);
    expect(bytesOf(recent, "4")?.[0]).toBe(44);
  });
});
