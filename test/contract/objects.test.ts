// The promises of the port to object storage, against every implementation there is: today, the official
// client on the local Cloud Storage.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MetadataService, startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";
import { connectObjects } from "../../shared/cloud/objects/connectObjects.ts";
import type { ObjectStore } from "../../shared/core/ports/objectStore.ts";
import { runs } from "../support/tier.ts";

interface Fixture {
  readonly objects: ObjectStore;
  /** The same bucket for somebody without any right. */
  readonly forbidden: ObjectStore;
  stop(): Promise<void>;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
async function* chunks(...parts: Uint8Array[]) {
  yield* parts;
}

function objectStoreContract(name: string, start: () => Promise<Fixture>): void {
  describe(name, () => {
    let fixture: Fixture;
    let objects: ObjectStore;
    beforeAll(async () => {
      fixture = await start();
      objects = fixture.objects;
    });
    afterAll(() => fixture.stop());

    describe("write and read", () => {
      it("give back the bytes, whatever they are and however they are cut", async () => {
        const part = fc.uint8Array({ maxLength: 2000 });
        await fc.assert(
          fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
            const expected = Buffer.concat(parts);
            const streamed = await objects.write("bytes/streamed", chunks(...parts));
            const whole = await objects.write("bytes/whole", expected);
            const inParts = await objects.write("bytes/parts", parts);
            expect(streamed).toMatchObject({ sizeBytes: expected.length, crc32c: whole.crc32c });
            expect(inParts).toMatchObject({ sizeBytes: expected.length, crc32c: whole.crc32c });
            expect(Buffer.compare(await objects.read("bytes/parts"), expected)).toBe(0);
            expect(Buffer.compare(await objects.read("bytes/streamed"), expected)).toBe(0);
            expect(Buffer.compare(await objects.read("bytes/whole"), expected)).toBe(0);
          }),
          { numRuns: runs(20) },
        );
      });

      it("leave the caller's bytes alone, and give bytes of their own", async () => {
        const mine = bytesOf("unchanged");
        await objects.write("alone", mine);
        const read = await objects.read("alone");
        read.fill(0);
        expect(textOf(mine)).toBe("unchanged");
        expect(textOf(await objects.read("alone"))).toBe("unchanged");
        expect(read.byteOffset).toBe(0);
      });

      it("return what was stored", async () => {
        const options = { contentType: "application/json", metadata: { round: "7" } };
        const written = await objects.write("stored", bytesOf("123456789"), options);
        expect(written).toEqual({
          name: "stored",
          generation: expect.stringMatching(/./),
          sizeBytes: 9,
          crc32c: Buffer.from("e3069283", "hex").toString("base64"),
          contentType: "application/json",
          metadata: { round: "7" },
        });
        expect(await objects.stat("stored")).toEqual(written);
        expect((await objects.write("plain", bytesOf("x"))).contentType).toBe("application/octet-stream");
      });

      it("replace an object whole, under a new generation", async () => {
        const first = await objects.write("replaced", bytesOf("the first, longer"));
        const second = await objects.write("replaced", bytesOf("second"));
        expect(second.generation).not.toBe(first.generation);
        expect(textOf(await objects.read("replaced"))).toBe("second");
      });

      it.each(["a/b c", "ü/😀", "%2F", "?&#+=", "x".repeat(1024), "a//b", "./.."])(
        "take the name %j",
        async (name) => {
          await objects.write(name, bytesOf(name));
          expect(textOf(await objects.read(name))).toBe(name);
          expect(await objects.stat(name)).toMatchObject({ name });
          await objects.remove(name);
          expect(await objects.stat(name)).toBeNull();
        },
      );

      it.each(["", ".", "..", "a\nb", "a\rb", "ü".repeat(513)])("do not take the name %j", async (name) => {
        const invalid = { code: "invalid-argument", retry: "never" };
        await expect(objects.write(name, bytesOf("x"))).rejects.toMatchObject(invalid);
        await expect(objects.read(name)).rejects.toMatchObject(invalid);
        await expect(objects.stat(name)).rejects.toMatchObject(invalid);
        await expect(objects.remove(name)).rejects.toMatchObject(invalid);
        await expect(objects.signedReadUrl(name, { expiresInSeconds: 1 })).rejects.toMatchObject(invalid);
      });

      it("store nothing of a stream that fails", async () => {
        async function* failing() {
          yield bytesOf("some");
          throw new RangeError("the source broke");
        }
        await expect(objects.write("failing", failing())).rejects.toMatchObject({
          name: "FlError",
          cause: { message: "the source broke" },
        });
        expect(await objects.stat("failing")).toBeNull();
      });
    });

    describe("a named generation", () => {
      it("0 creates, and only once", async () => {
        await objects.write("new", bytesOf("1"), { ifGeneration: 0 });
        const again = objects.write("new", bytesOf("2"), { ifGeneration: 0 });
        await expect(again).rejects.toMatchObject({ code: "failed-precondition", retry: "never" });
        const streamed = objects.write("new", chunks(bytesOf("2")), { ifGeneration: 0 });
        await expect(streamed).rejects.toMatchObject({ code: "failed-precondition" });
        expect(textOf(await objects.read("new"))).toBe("1");
      });

      it("lets exactly one of many creators win", async () => {
        const racers = Array.from({ length: 10 }, (_, index) =>
          objects.write("raced", bytesOf(`${index}`), { ifGeneration: 0 }),
        );
        const results = await Promise.allSettled(racers);
        const winner = results.findIndex(({ status }) => status === "fulfilled");
        expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(textOf(await objects.read("raced"))).toBe(`${winner}`);
      });

      it("replaces that one and no other", async () => {
        const { generation } = await objects.write("held", bytesOf("1"));
        const next = await objects.write("held", bytesOf("2"), { ifGeneration: generation });
        const late = objects.write("held", bytesOf("3"), { ifGeneration: generation });
        await expect(late).rejects.toMatchObject({ code: "failed-precondition" });
        expect(await objects.stat("held")).toEqual(next);
        const gone = objects.write("held-not", bytesOf("x"), { ifGeneration: generation });
        await expect(gone).rejects.toMatchObject({ code: "failed-precondition" });
      });
    });

    describe("openRead", () => {
      it("streams an object, with its size and generation before the first byte", async () => {
        const content = Buffer.alloc(3_000_000, "stream");
        const { generation } = await objects.write("large", content);
        const reading = await objects.openRead("large");
        expect(reading).toMatchObject({ generation, sizeBytes: content.length });
        const parts: Uint8Array[] = [];
        for await (const chunk of reading.stream) parts.push(chunk);
        expect(parts.length).toBeGreaterThan(1);
        expect(Buffer.concat(parts).equals(content)).toBe(true);
      });

      it("makes Node warn of nothing", async () => {
        const warnings: Error[] = [];
        const note = (warning: Error) => warnings.push(warning);
        process.on("warning", note);
        await objects.write("quiet", Buffer.alloc(300_000));
        await objects.read("quiet");
        await objects.readRange("quiet", 0, 200_000);
        await new Promise((resolve) => setImmediate(resolve));
        process.off("warning", note);
        expect(warnings).toEqual([]);
      });

      it("may be left early", async () => {
        await objects.write("left", Buffer.alloc(3_000_000));
        for await (const chunk of (await objects.openRead("left")).stream) {
          expect(chunk.byteLength).toBeGreaterThan(0);
          break;
        }
        expect(await objects.stat("left")).toMatchObject({ sizeBytes: 3_000_000 });
      });

      it("of an empty object ends at once", async () => {
        await objects.write("empty", new Uint8Array(0));
        const { stream, sizeBytes } = await objects.openRead("empty");
        expect(sizeBytes).toBe(0);
        for await (const chunk of stream) expect(chunk.byteLength).toBe(0);
      });
    });

    describe("readRange", () => {
      beforeAll(() => objects.write("digits", bytesOf("0123456789")));

      it.each([
        [0, 10, "0123456789"],
        [0, 1, "0"],
        [9, 10, "9"],
        [3, 6, "345"],
        [4, 4, ""],
        [10, 10, ""],
        [99, 99, ""],
      ])("%i to %i", async (start, endExclusive, expected) => {
        expect(textOf(await objects.readRange("digits", start, endExclusive))).toBe(expected);
      });

      it.each([
        [9, 11],
        [10, 11],
        [0, 1000],
        [-1, 3],
        [5, 4],
        [0.5, 2],
        [0, Number.NaN],
        [0, Number.POSITIVE_INFINITY],
      ])("%d to %d is not in it", async (start, endExclusive) => {
        await expect(objects.readRange("digits", start, endExclusive)).rejects.toMatchObject({
          code: "invalid-argument",
        });
      });
    });

    describe("what is not there", () => {
      it("cannot be read, is null to stat and gone to remove", async () => {
        const absent = { code: "not-found", retry: "never" };
        await expect(objects.read("absent")).rejects.toMatchObject(absent);
        await expect(objects.openRead("absent")).rejects.toMatchObject(absent);
        await expect(objects.readRange("absent", 0, 1)).rejects.toMatchObject(absent);
        expect(await objects.stat("absent")).toBeNull();
        await objects.remove("absent");
      });

      it("is named in the error", async () => {
        await expect(objects.read("absent")).rejects.toThrow(/read "absent" in bucket "\w+"/);
      });
    });

    describe("list", () => {
      const names = ["list/a", "list/a/1", "list/b", "list/ü", "list/😀"];
      beforeAll(() => Promise.all(names.map((name) => objects.write(name, bytesOf(name)))));

      it("gives what begins with the prefix, in order, page by page", async () => {
        const found: string[] = [];
        let pageToken: string | undefined;
        let pages = 0;
        do {
          const token = pageToken === undefined ? {} : { pageToken };
          const page = await objects.list("list/", { limit: 2, ...token });
          found.push(...page.objects.map(({ name }) => name));
          ({ nextPageToken: pageToken } = page);
          pages += 1;
        } while (pageToken !== undefined);
        expect(found).toEqual(names);
        expect(pages).toBe(3);
      });

      it("gives what stat gives", async () => {
        const { objects: found } = await objects.list("list/a/");
        expect(found).toEqual([await objects.stat("list/a/1")]);
      });

      it("of nothing is empty, without a next page", async () => {
        expect(await objects.list("nothing/")).toEqual({ objects: [] });
      });

      it.each([0, 1001, 1.5])("does not take a limit of %d", async (limit) => {
        await expect(objects.list("", { limit })).rejects.toMatchObject({ code: "invalid-argument" });
      });
    });

    describe("links", () => {
      const write = {
        expiresInSeconds: 60,
        maxBytes: 10,
        contentType: "application/x",
        ifGeneration: 0,
      } as const;

      it("to read let anybody read this object, and do nothing else", async () => {
        await objects.write("shared/model 1", bytesOf("model"));
        const { url, headers } = await objects.signedReadUrl("shared/model 1", { expiresInSeconds: 60 });
        const answer = await fetch(url, { headers });
        expect([answer.status, await answer.text()]).toEqual([200, "model"]);
        expect((await fetch(url.replace("model%201", "model%202"))).status).toBe(403);
        expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
      });

      it("to write let anybody create this object, once and up to its size", async () => {
        const { url, headers } = await objects.signedWriteUrl("shared/update", write);
        const put = (body: string) => fetch(url, { method: "PUT", headers, body });
        expect((await put("12345678901")).status).toBe(400);
        expect(await objects.stat("shared/update")).toBeNull();
        expect((await put("1234567890")).status).toBe(200);
        expect((await put("again")).status).toBe(412);
        expect(await objects.stat("shared/update")).toMatchObject({
          sizeBytes: 10,
          contentType: "application/x",
        });
      });

      it("are good for the seconds they say", async () => {
        const { url } = await objects.signedReadUrl("shared/x", { expiresInSeconds: 1 });
        expect(new URL(url).searchParams.get("X-Goog-Expires")).toBe("1");
      });

      it.each([0, -1, 0.5, 7 * 24 * 3600 + 1, Number.NaN])(
        "do not live %d seconds",
        async (expiresInSeconds) => {
          const invalid = { code: "invalid-argument" };
          await expect(objects.signedReadUrl("x", { expiresInSeconds })).rejects.toMatchObject(invalid);
          await expect(objects.signedWriteUrl("x", { ...write, expiresInSeconds })).rejects.toMatchObject(
            invalid,
          );
        },
      );

      it("do not take a negative size", async () => {
        const link = objects.signedWriteUrl("x", { ...write, maxBytes: -1 });
        await expect(link).rejects.toMatchObject({ code: "invalid-argument" });
      });
    });

    it("has nothing for an account without a right", async () => {
      const { forbidden } = fixture;
      await objects.write("private", bytesOf("x"));
      const denied = { code: "internal", retry: "needs-a-person" };
      await expect(forbidden.read("private")).rejects.toMatchObject(denied);
      await expect(forbidden.readRange("private", 0, 1)).rejects.toMatchObject(denied);
      await expect(forbidden.stat("private")).rejects.toMatchObject(denied);
      await expect(forbidden.list("")).rejects.toMatchObject(denied);
      await expect(forbidden.write("private", bytesOf("y"))).rejects.toMatchObject(denied);
      await expect(forbidden.remove("private")).rejects.toMatchObject(denied);
      expect(textOf(await objects.read("private"))).toBe("x");
    });
  });
}

objectStoreContract("the official client on the local Cloud Storage", async () => {
  const owner = "aggregator@demo.iam.gserviceaccount.com";
  const stranger = "client@demo.iam.gserviceaccount.com";
  const metadata: MetadataService = await startMetadata({ projectId: "demo" });
  const storage: StorageService = await startStorage({
    identities: metadata.identities,
    grants: [{ member: owner, bucket: "models", role: "writer" }],
    buckets: ["models"],
  });
  const environment = { ...process.env };
  // Who a process is, its metadata server says. One that is to be two people takes both tokens before it
  // settles.
  const connectAs = async (email: string) => {
    Object.assign(process.env, await metadata.identityEnv(email));
    const objects = connectObjects({
      bucket: "models",
      projectId: "demo",
      apiEndpoint: storage.endpoint,
      signBlobEndpoint: metadata.signBlobEndpoint,
    });
    await objects.stat("first call").catch(() => null);
    return objects;
  };
  const forbidden = await connectAs(stranger);
  const objects = await connectAs(owner);
  return {
    objects,
    forbidden,
    async stop() {
      await storage.stop();
      await metadata.stop();
      process.env = environment;
    },
  };
});
