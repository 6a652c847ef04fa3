// Reading ahead: order, memory and what becomes of updates that are missing, lie about their size or come
// damaged.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAhead, readInto, type Wanted } from "../../../functions/aggregator/readAhead.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { ObjectReading } from "../../../shared/core/ports/objectStore.ts";
import { runs } from "../../support/tier.ts";

const MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

interface Bucket {
  openRead(name: string): Promise<ObjectReading>;
  readonly opened: string[];
  /** Streams that have ended, one way or another. */
  readonly left: string[];
  mostAtOnce: number;
}

/** Objects that arrive in pieces; `sizes` may say another size than the content has. */
function bucketOf(contents: Readonly<Record<string, Uint8Array | Error>>, pieceBytes = 5): Bucket {
  let atOnce = 0;
  const bucket: Bucket = {
    opened: [],
    left: [],
    mostAtOnce: 0,
    async openRead(name) {
      bucket.opened.push(name);
      const content = contents[name];
      if (content === undefined) throw new FlError("not-found", `There is no ${name}.`);
      if (content instanceof Error) throw content;
      atOnce += 1;
      bucket.mostAtOnce = Math.max(bucket.mostAtOnce, atOnce);
      async function* stream(content: Uint8Array) {
        try {
          for (let at = 0; at < content.length; at += pieceBytes) {
            await new Promise((resolve) => setImmediate(resolve));
            yield content.subarray(at, at + pieceBytes);
          }
        } finally {
          atOnce -= 1;
          bucket.left.push(name);
        }
      }
      return { stream: stream(content), sizeBytes: content.length, generation: "1" };
    },
  };
  return bucket;
}

async function all(wanted: readonly Wanted[], bucket: Bucket, maxBytes = 1_000) {
  const rooms: number[] = [];
  const room = (sizeBytes: number) => {
    rooms.push(sizeBytes);
    return new Uint8Array(sizeBytes);
  };
  const received = [];
  for await (const [{ name }, result] of readAhead(wanted, maxBytes, room, bucket)) {
    // A copy: what is given is a view that the next update takes.
    received.push({ name, ...result, ...(result.ok ? { file: result.file.slice() } : {}) });
  }
  return { received, rooms };
}

describe("readAhead", () => {
  it("gives every file in the order asked, with its hash, whatever the sizes", async () => {
    const files = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 20 }), async (contents, pieceBytes) => {
        const bucket = bucketOf(Object.fromEntries(contents.entries()), pieceBytes);
        const wanted = contents.map(({ length }, index) => ({ name: `${index}`, sizeBytes: length }));
        const { received, rooms } = await all(wanted, bucket);
        expect(received).toEqual(
          contents.map((file, index) => ({ name: `${index}`, ok: true, file, sha256: sha256(file) })),
        );
        expect(rooms).toHaveLength(1);
        expect(bucket.mostAtOnce).toBeLessThanOrEqual(8);
      }),
      { numRuns: runs(30) },
    );
  });

  it("reads small ones ahead, and a large one alone", async () => {
    const small = bucketOf({ a: new Uint8Array(50), b: new Uint8Array(50), c: new Uint8Array(50) });
    const sized = (sizeBytes: number) => ["a", "b", "c"].map((name) => ({ name, sizeBytes }));
    expect((await all(sized(50), small)).rooms).toEqual([3 * 56]);
    expect(small.mostAtOnce).toBe(3);

    const bytes = new Uint8Array(17 * MIB);
    const large = bucketOf({ a: bytes, b: bytes, c: bytes }, 4 * MIB);
    expect((await all(sized(bytes.length), large, 64 * MIB)).rooms).toEqual([17 * MIB]);
    expect(large.mostAtOnce).toBe(1);
  });

  it("refuses what is missing, of another size or too large, and goes on", async () => {
    const bucket = bucketOf({ short: new Uint8Array(3), long: new Uint8Array(99), good: Uint8Array.of(7) });
    const { received, rooms } = await all(
      [
        { name: "missing", sizeBytes: 4 },
        { name: "short", sizeBytes: 4 },
        { name: "long", sizeBytes: 4 },
        { name: "huge", sizeBytes: 1e15 },
        { name: "good", sizeBytes: 1 },
      ],
      bucket,
      100,
    );
    expect(received).toEqual([
      { name: "missing", ok: false, gone: true, reason: "missing no longer exists." },
      {
        name: "short",
        ok: false,
        gone: false,
        reason: expect.stringContaining("has 3 bytes, the client reported 4"),
      },
      {
        name: "long",
        ok: false,
        gone: false,
        reason: expect.stringContaining("has 99 bytes, the client reported 4"),
      },
      {
        name: "huge",
        ok: false,
        gone: false,
        reason: expect.stringContaining("more than an update of this model"),
      },
      { name: "good", ok: true, file: Uint8Array.of(7), sha256: sha256(Uint8Array.of(7)) },
    ]);
    expect(bucket.opened).not.toContain("huge");
    expect(bucket.left.toSorted()).toEqual(["good", "long", "short"]);
    expect(rooms).toEqual([5 * 104]);
  });

  it("throws a failure of the storage when its turn comes, after what is on its way has ended", async () => {
    const outage = new FlError("unavailable", "Cloud Storage did not answer.");
    const bucket = bucketOf({ a: new Uint8Array(10), b: outage, c: new Uint8Array(40) }, 1);
    const wanted = ["a", "b", "c"].map((name) => ({ name, sizeBytes: name === "c" ? 40 : 10 }));
    const names: string[] = [];
    const reading = async () => {
      for await (const [{ name }] of readAhead(wanted, 100, (size) => new Uint8Array(size), bucket)) {
        names.push(name);
      }
    };
    await expect(reading()).rejects.toBe(outage);
    expect(names).toEqual(["a"]);
    expect(bucket.left.toSorted()).toEqual(["a", "c"]);
  });

  it("ends what is on its way when it is left early", async () => {
    const bucket = bucketOf({ a: new Uint8Array(4), b: new Uint8Array(90) }, 1);
    const wanted = [
      { name: "a", sizeBytes: 4 },
      { name: "b", sizeBytes: 90 },
    ];
    for await (const _ of readAhead(wanted, 100, (size) => new Uint8Array(size), bucket)) break;
    expect(bucket.left.toSorted()).toEqual(["a", "b"]);
  });

  it("of nothing makes no request", async () => {
    const bucket = bucketOf({});
    expect((await all([], bucket)).received).toEqual([]);
    expect(bucket.opened).toEqual([]);
  });
});

describe("readInto", () => {
  const room = (sizeBytes: number) => new Uint8Array(sizeBytes);

  it("reads an object into memory of its size", async () => {
    const content = Uint8Array.from({ length: 23 }, (_, i) => i);
    expect(await readInto("a", room, bucketOf({ a: content }))).toEqual(content);
  });

  it.each([22, 24])("does not take %d bytes for 23", async (actual) => {
    const bucket = bucketOf({ a: new Uint8Array(actual) });
    const lying = { openRead: async (name: string) => ({ ...(await bucket.openRead(name)), sizeBytes: 23 }) };
    await expect(readInto("a", room, lying)).rejects.toMatchObject({ code: "data-loss", retry: "soon" });
  });

  it("says what is not there", async () => {
    await expect(readInto("a", room, bucketOf({}))).rejects.toMatchObject({ code: "not-found" });
  });
});
