// Which contents the local storage keeps in memory, and for how long.
import { describe, expect, it } from "vitest";
import { RecentContents } from "../../../../infra/box/storage/recentContents.ts";

const MIB = 1 << 20;
const filled = (mib: number, value: number) => [new Uint8Array(mib * MIB).fill(value)];

describe("recent contents", () => {
  it("are those of at most 4 MiB", () => {
    expect(RecentContents.takes(4 * MIB)).toBe(true);
    expect(RecentContents.takes(4 * MIB + 1)).toBe(false);
  });

  it("are whole, and a copy", () => {
    const recent = new RecentContents();
    const pieces = [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)];
    recent.keep("a", pieces);
    pieces[0]?.fill(9);
    expect([...(recent.get("a") ?? [])]).toEqual([1, 2, 3]);
    recent.keep("empty", []);
    expect(recent.get("empty")?.byteLength).toBe(0);
  });

  it("take 64 MiB together: those used longest ago go", () => {
    const recent = new RecentContents();
    for (let i = 0; i < 16; i++) recent.keep(`${i}`, filled(4, i));
    expect(recent.get("0")?.[0]).toBe(0);
    recent.keep("more", filled(4, 99));
    expect(recent.get("1")).toBeUndefined();
    expect(recent.get("0")?.byteLength).toBe(4 * MIB);
    expect(recent.get("more")?.[0]).toBe(99);
  });

  it("make room when they are forgotten or written again", () => {
    const recent = new RecentContents();
    for (let i = 0; i < 16; i++) recent.keep(`${i}`, filled(4, i));
    recent.forget("3");
    recent.forget("3");
    recent.forget("unknown");
    expect(recent.get("3")).toBeUndefined();
    recent.keep("4", filled(4, 44));
    recent.keep("16", filled(4, 16));
    expect(recent.get("0")?.[0]).toBe(0);
    expect(recent.get("4")?.[0]).toBe(44);
  });
});
