// Injected faults as the unmodified clients meet them: refused or lost, before or after the call took effect.
import type { Firestore } from "@google-cloud/firestore";
import { Storage } from "@google-cloud/storage";
import { CloudTasksClient } from "@google-cloud/tasks";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallFaultInput, CallFaults } from "../../infra/box/callFaults.ts";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { startStorage } from "../../infra/box/storage/startStorage.ts";
import { startTasks } from "../../infra/box/tasks/startTasks.ts";
import { connectFirestore } from "../support/firestoreClient.ts";

const faults = new CallFaults();
const cleanUps: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

describe("Firestore", () => {
  let db: Firestore;
  beforeAll(async () => {
    const service = await startEmbedded({ faults, transactionIdleMs: 100 });
    cleanUps.push(() => service.stop());
    db = connectFirestore(service.address);
    cleanUps.push(() => db.terminate());
  });

  const fault = (method: string, answer: string, applied: boolean, more: object = {}) =>
    faults.inject({ service: "firestore", method, answer, applied, ...more } as CallFaultInput);
  /** Adds one to a counter in a transaction; returns how often the body ran. */
  const increment = async (path: string) => {
    let attempts = 0;
    await db.runTransaction(async (transaction) => {
      attempts++;
      const n = (await transaction.get(db.doc(path))).get("n") ?? 0;
      transaction.set(db.doc(path), { n: n + 1 });
    });
    return attempts;
  };
  const counter = async (path: string) => (await db.doc(path).get()).get("n");

  it.each(["ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "CANCELLED"])(
    "a commit that fails with %s before it is applied is tried again, and counts once",
    async (answer) => {
      const path = `refused/${answer}`;
      const injected = fault("Commit", answer, false, { target: `${path}$` });
      // The client library repeats some calls by itself, and runs the transaction again for the others.
      expect(await increment(path)).toBeLessThanOrEqual(2);
      expect(injected.struck).toBe(1);
      expect(await counter(path)).toBe(1);
    },
  );

  it("a commit whose answer is lost was applied: a second try adds again, unless the body looks", async () => {
    const injected = fault("Commit", "lost", true, { target: "lost/commit$" });
    await increment("lost/commit");
    expect(injected.struck).toBe(1);
    expect(await counter("lost/commit")).toBe(2);
  });

  it("a transaction that was answered ABORTED holds no lock", async () => {
    const injected = fault("Commit", "ABORTED", false, { target: "free/it$", times: 5 });
    await expect(increment("free/it")).rejects.toMatchObject({ code: status.ABORTED });
    expect(injected.struck).toBe(5);
    await db
      .doc("free/it")
      .set({ n: 7 })
      .catch(() => db.doc("free/it").set({ n: 7 }));
    expect(await counter("free/it")).toBe(7);
  });

  it("a read in a transaction whose answer is lost leaves its lock behind until the transaction idles out", async () => {
    const injected = fault("BatchGetDocuments", "lost", true, { target: "left/lock$" });
    await increment("left/lock");
    expect(injected.struck).toBe(1);
    expect(await counter("left/lock")).toBe(1);
  });

  it.each([
    ["BatchGetDocuments", "reads/x$", () => db.doc("reads/x").get()],
    ["RunQuery", "/reads$", () => db.collection("reads").get()],
    ["RunAggregationQuery", "/reads$", () => db.collection("reads").count().get()],
  ])(
    "%s fails as the rule asks, and the client library retries what it can",
    async (method, target, call) => {
      const passing = fault(method, "UNAVAILABLE", false, { target });
      await call();
      expect(passing.struck).toBe(1);
      const lasting = fault(method, "UNKNOWN", false, { target });
      await expect(call()).rejects.toMatchObject({ code: status.UNKNOWN });
      expect(lasting.struck).toBe(1);
    },
  );

  it("BeginTransaction, Rollback and BatchWrite can fail too", async () => {
    const begin = fault("BeginTransaction", "UNAVAILABLE", false);
    await db.runTransaction(async (transaction) => transaction.set(db.doc("others/x"), {}));
    const batch = fault("BatchWrite", "UNAVAILABLE", true, { target: "others/y$" });
    const writer = db.bulkWriter();
    void writer.set(db.doc("others/y"), { n: 1 });
    await writer.close();
    expect([begin.struck <= 1, batch.struck]).toEqual([true, 1]);
    expect(await counter("others/y")).toBe(1);
  });
});

describe("Cloud Tasks", () => {
  const parent = "projects/demo/locations/local/queues/q";
  let client: CloudTasksClient;
  beforeAll(async () => {
    const server = await startTasks({
      mintIdToken: async () => "",
      queues: [{ name: parent }],
      callFaults: faults,
    });
    cleanUps.push(() => server.stop());
    const [apiEndpoint = "", port] = server.address.split(":");
    client = new CloudTasksClient({
      apiEndpoint,
      port: Number(port),
      sslCreds: credentials.createInsecure(),
      projectId: "demo",
      clientOptions: { universeDomain: "googleapis.com" },
    });
    cleanUps.push(() => client.close());
    await client.pauseQueue({ name: parent });
  });

  const create = (id: string) =>
    client.createTask({
      parent,
      task: { name: `${parent}/tasks/${id}`, httpRequest: { url: "http://127.0.0.1:9/" } },
    });

  it("a task that was refused is not there", async () => {
    faults.inject({
      service: "tasks",
      method: "CreateTask",
      answer: "INTERNAL",
      applied: false,
      target: "/a$",
    });
    await expect(create("a")).rejects.toMatchObject({ code: status.INTERNAL });
    await expect(client.getTask({ name: `${parent}/tasks/a` })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
    await create("a");
  });

  it("a task whose creation's answer was lost is there: its name is taken", async () => {
    faults.inject({ service: "tasks", method: "CreateTask", answer: "lost", applied: true, target: "/b$" });
    await expect(create("b")).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await expect(create("b")).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
  });
});

describe("Cloud Storage", () => {
  let storage: Storage;
  beforeAll(async () => {
    const environment = { ...process.env };
    const metadata = await startMetadata({ projectId: "demo" });
    const email = "writer@demo.iam.gserviceaccount.com";
    Object.assign(process.env, await metadata.identityEnv(email));
    const service = await startStorage({
      identities: metadata.identities,
      grants: [{ member: email, bucket: "models", role: "writer" }],
      buckets: ["models"],
      faults,
    });
    storage = new Storage({
      apiEndpoint: service.endpoint,
      projectId: "demo",
      useAuthWithCustomEndpoint: true,
    });
    cleanUps.push(
      () => metadata.stop(),
      async () => {
        process.env = environment;
      },
      () => service.stop(),
    );
  });

  const inject = (method: string, answer: number | "lost", applied: boolean, target: string) =>
    faults.inject({ service: "storage", method, answer, applied, target } as CallFaultInput);
  const file = (name: string) => storage.bucket("models").file(name);
  const save = (name: string, ifGenerationMatch: number) =>
    file(name).save("content", { resumable: false, preconditionOpts: { ifGenerationMatch } });

  it.each([408, 429, 500, 503])(
    "a write that fails with %i before it is applied is tried again",
    async (code) => {
      const injected = inject("POST", code, false, `name=refused-${code}`);
      await save(`refused-${code}`, 0);
      expect(injected.struck).toBe(1);
    },
  );

  it.each([503, "lost"] as const)(
    "a write that was applied before it failed (%s) meets its own object when it is tried again",
    async (answer) => {
      const injected = inject("POST", answer, true, `name=applied-${answer}`);
      await expect(save(`applied-${answer}`, 0)).rejects.toMatchObject({ code: 412 });
      expect(injected.struck).toBe(1);
      expect(String((await file(`applied-${answer}`).download())[0])).toBe("content");
    },
  );

  it("reads and deletions fail as the rule says", async () => {
    await save("read", 0);
    const cut = inject("GET", "lost", false, "/o/read");
    expect(String((await file("read").download())[0])).toBe("content");
    const [{ generation }] = await file("read").getMetadata();
    const removal = inject("DELETE", "lost", true, "/o/read");
    const removed = file("read").delete({ ifGenerationMatch: Number(generation) });
    await expect(removed, "the second try finds nothing").rejects.toMatchObject({ code: 404 });
    expect([cut.struck, removal.struck]).toEqual([1, 1]);
  });
});
