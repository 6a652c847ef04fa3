// What another release, or somebody in the console, has written into a document stays in it when this release
// writes the document: in every implementation of Firestore, whatever its type.
import { Firestore, GeoPoint, Timestamp } from "@google-cloud/firestore";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { buildClient, buildInvocation, buildRecord, buildRun, buildShard } from "../support/builders.ts";
import { embeddedServer, officialServer } from "../support/firestoreServers.ts";

describe.each([embeddedServer, officialServer])("$implementation", ({ implementation, missing, start }) => {
  describe.skipIf(missing !== undefined)("a document with fields that this release does not know", () => {
    const projectId = `unknown-fields-${implementation}`;
    const before = { ...process.env };
    let store: ReturnType<typeof connectStore>;
    let db: Firestore;
    let stop: () => Promise<void>;

    beforeAll(async () => {
      const server = await start();
      Object.assign(process.env, server.env, { METADATA_SERVER_DETECTION: "none" });
      store = connectStore({ projectId, databaseId: "(default)" });
      db = new Firestore({ projectId });
      stop = async () => {
        await Promise.all([store.close(), db.terminate()]);
        await server.stop();
        for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
        Object.assign(process.env, before);
      };
    });
    afterAll(() => stop());

    const added = () => ({
      note: "look at this one",
      noteAt: Timestamp.fromMillis(1_790_000_000_123),
      others: {
        nothing: null,
        list: [1, { two: [3] }],
        place: new GeoPoint(47.4, 8.5),
        bytes: Buffer.from("abc"),
        client: db.doc("clients/clinic-b"),
      },
    });
    const storedAt = async (path: string) => (await db.doc(path).get()).data();

    it("has them after a transaction that read it, whichever way", async () => {
      const ref = refs.client("clinic-a");
      await store.setAll("register-client", [{ ref, value: buildClient({ dataCard: { samples: 3 } }) }]);
      await db.doc(ref.path).set({ ...added(), dataCard: { ...added() } }, { merge: true });
      const first = await storedAt(ref.path);
      await store.transact("register-client", async (transaction) => {
        const client = await transaction.get(ref);
        if (client !== null) transaction.set(ref, { ...client, retired: true, dataCard: { classes: 2 } });
      });
      const { samples: _samples, ...card } = first?.["dataCard"] ?? {};
      const second = { ...first, retired: true, dataCard: { ...card, classes: 2 } };
      expect(await storedAt(ref.path)).toEqual(second);
      await store.transact("register-client", async (transaction) => {
        const [client] = await transaction.getAll([ref]);
        if (client) transaction.set(ref, { ...client, retired: false });
      });
      expect(await storedAt(ref.path)).toEqual({ ...second, retired: false });
    });

    it("has them as they are when it is read, not as they were before", async () => {
      const ref = refs.run("run-1");
      await store.setAll("create-run", [{ ref, value: buildRun() }]);
      await db.doc(ref.path).set({ note: "first" }, { merge: true });
      expect(await store.get(ref)).toMatchObject({ round: 0 });
      await db.doc(ref.path).set({ note: "second" }, { merge: true });
      await store.transact("create-run", async (transaction) => {
        const run = await transaction.get(ref);
        if (run !== null) transaction.set(ref, { ...run, round: 7 });
      });
      expect(await storedAt(ref.path)).toMatchObject({ note: "second", round: 7 });
    });

    it("has them after it was listed and written without another look, in whichever way it was listed", async () => {
      const ref = refs.invocation("run-1", 1, "client-a");
      const value = buildInvocation();
      await store.setAll("mark-settled", [{ ref, value }]);
      await db.doc(ref.path).set(added(), { merge: true });
      const first = await storedAt(ref.path);
      const listings = [
        async () => (await store.list([ref])).items,
        async () => await store.getAll([ref]),
        async () => [await store.get(ref)],
        () => store.invocationsByStatus("run-1", 1, [value.status]),
        async () => (await store.listInvocations("run-1", 1, { limit: 5 })).items,
      ];
      for (const [number, listed] of listings.entries()) {
        const [read] = await listed();
        if (!read) throw new Error("It is not there.");
        await store.setAll("mark-settled", [{ ref, value: { ...read, attempt: number + 1 } }]);
        expect(await storedAt(ref.path)).toEqual({ ...first, attempt: number + 1 });
      }
    });

    it("has them in the records of a roster, less those that leave it", async () => {
      const ref = refs.rosterShard("run-2", 0);
      const value = buildShard({ runId: "run-2", clients: { a: buildRecord(), b: buildRecord() } });
      await store.setAll("fold-roster", [{ ref, value }]);
      const grades = { clients: { a: { grade: 1 }, b: { grade: 2 } } };
      await db.doc(ref.path).set(grades, { merge: true });
      for await (const shard of store.rosterShards("run-2")) {
        const { a = buildRecord() } = shard.clients;
        const clients = { a: { ...a, invocations: 9 } };
        await store.setAll("fold-roster", [{ ref, value: { ...shard, clients } }]);
      }
      expect((await storedAt(ref.path))?.["clients"]).toEqual({
        a: expect.objectContaining({ grade: 1, invocations: 9 }),
      });
    });
  });
});
