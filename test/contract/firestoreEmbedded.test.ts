// What only the embedded Firestore promises: no wasted attempts, bounded waits, and nothing left of clients
// that went away.
import { spawn } from "node:child_process";
import { once } from "node:events";
import http2 from "node:http2";
import { createServer } from "node:net";
import { AggregateField, FieldValue, type Firestore } from "@google-cloud/firestore";
import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import type { Service } from "../../infra/box/service.ts";
import { connectFirestore } from "../support/firestoreClient.ts";

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(options: Parameters<typeof startEmbedded>[0] = {}): Promise<Service> {
  const service = await startEmbedded(options);
  cleanUps.push(() => service.stop());
  return service;
}

function connect(service: Service, projectId = "test"): Firestore {
  const db = connectFirestore(service.address, { projectId });
  cleanUps.push(() => db.terminate());
  return db;
}

/** A transaction that has read the document and goes on only when the test says so. */
async function holdTransaction(db: Firestore, path: string) {
  const read = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let attempts = 0;
  const done = db.runTransaction(async (transaction) => {
    attempts++;
    await transaction.get(db.doc(path));
    read.resolve();
    await goOn.promise;
    transaction.set(db.doc(path), { by: "holder" });
  });
  await read.promise;
  return { goOn: goOn.resolve, done, attempts: () => attempts };
}

describe("contention", () => {
  it("lets 50 transactions on one document through in 50 attempts", async () => {
    const db = connect(await start());
    await db.doc("c/d").set({ n: 0 });
    let attempts = 0;
    const increment = () =>
      db.runTransaction(async (transaction) => {
        attempts++;
        const n = (await transaction.get(db.doc("c/d"))).get("n");
        transaction.update(db.doc("c/d"), { n: n + 1 });
      });
    await Promise.all(Array.from({ length: 50 }, increment));
    expect((await db.doc("c/d").get()).get("n")).toBe(50);
    expect(attempts).toBe(50);
  });

  it("fails a wait that lasts too long, and leaves the holder alone", async () => {
    const db = connect(await start({ lockWaitMs: 50 }));
    const holder = await holdTransaction(db, "c/d");
    const other = db.runTransaction((transaction) => transaction.get(db.doc("c/d")), { maxAttempts: 1 });
    await expect(other).rejects.toMatchObject({ code: status.ABORTED });
    holder.goOn();
    await holder.done;
    expect((await db.doc("c/d").get()).data()).toEqual({ by: "holder" });
    expect(holder.attempts()).toBe(1);
  });

  it("reads outside of transactions without waiting", async () => {
    const db = connect(await start());
    const holder = await holdTransaction(db, "c/d");
    expect((await db.doc("c/d").get()).exists).toBe(false);
    expect((await db.collection("c").get()).size).toBe(0);
    holder.goOn();
    await holder.done;
  });

  it("goes on with a transaction after a read in it was refused", async () => {
    const db = connect(await start());
    let attempts = 0;
    await db.runTransaction(async (transaction) => {
      attempts++;
      await transaction.get(db.doc("c/d"));
      await expect(transaction.get(db.collection("c").orderBy("a").orderBy("a"))).rejects.toThrow(
        "one field twice",
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
      transaction.set(db.doc("c/d"), { n: 1 });
    });
    expect(attempts).toBe(1);
  });

  it("ends a transaction that is idle too long, whose client then tries again", async () => {
    const db = connect(await start({ transactionIdleMs: 500 }));
    const holder = await holdTransaction(db, "c/d");
    await db.doc("c/d").set({ by: "other" });
    holder.goOn();
    await holder.done;
    expect(holder.attempts()).toBe(2);
    expect((await db.doc("c/d").get()).data()).toEqual({ by: "holder" });
  });

  it("leaves no lock to a client that was killed while it waited for one", async () => {
    const service = await start({ lockWaitMs: 10_000 });
    const db = connect(service, "killed");
    const holder = await holdTransaction(db, "c/d");
    const script = `
      const { Firestore } = await import("@google-cloud/firestore");
      const db = new Firestore({ projectId: "killed", host: "${service.address}", ssl: false });
      const reading = db.runTransaction((transaction) => transaction.get(db.doc("c/d")));
      setTimeout(() => process.stdout.write("waiting"), 300);
      await reading;`;
    const waiter = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, METADATA_SERVER_DETECTION: "none" },
    });
    await once(waiter.stdout, "data");
    waiter.kill("SIGKILL");
    await once(waiter, "exit");
    holder.goOn();
    await holder.done;
    await db.doc("c/d").set({ by: "next" });
    expect((await db.doc("c/d").get()).data()).toEqual({ by: "next" });
  });
});

describe("requests that it refuses", () => {
  it("takes up to 10 MiB", async () => {
    const db = connect(await start());
    const write = (documents: number) => {
      const batch = db.batch();
      for (let i = 0; i < documents; i++) batch.set(db.doc(`c/d${i}`), { b: Buffer.alloc(1_000_000) });
      return batch.commit();
    };
    expect(await write(10)).toHaveLength(10);
    await expect(write(11)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it("says what it does not do instead of doing something else", async () => {
    const db = connect(await start());
    const invalid = { code: status.INVALID_ARGUMENT };
    await expect(db.collection("c").explain()).rejects.toMatchObject(invalid);
    const nearest = { vectorField: "v", queryVector: [1], limit: 1, distanceMeasure: "COSINE" as const };
    await expect(db.collection("c").findNearest(nearest).get()).rejects.toMatchObject(invalid);
    const transforms = [FieldValue.increment(1), FieldValue.serverTimestamp(), FieldValue.arrayUnion(1)];
    for (const value of transforms) {
      await expect(db.doc("c/d").set({ value })).rejects.toMatchObject(invalid);
    }
    for (const field of [AggregateField.sum("n"), AggregateField.average("n")]) {
      await expect(db.collection("c").aggregate({ field }).get()).rejects.toMatchObject(invalid);
    }
    expect((await db.doc("c/d").get()).exists).toBe(false);
  });
});

describe("its lifecycle", () => {
  it("frees its port and cuts its clients off when it stops, any number of times", async () => {
    const service = await start();
    const port = Number(service.address.split(":")[1]);
    const session = http2.connect(`http://${service.address}`);
    await once(session, "connect");
    const cut = Promise.withResolvers<void>();
    session.on("error", () => cut.resolve()); // That it is cut off is an error to the client.
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
    await cut.promise;
    const again = createServer().listen(port, "127.0.0.1");
    await once(again, "listening");
    again.close();
  });

  it("forgets everything, and starts on the given port", async () => {
    const first = await start();
    await connect(first).doc("c/d").set({ n: 1 });
    await first.stop();
    const second = await start({ port: Number(first.address.split(":")[1]) });
    expect(second.address).toBe(first.address);
    expect((await connect(second).collection("c").get()).size).toBe(0);
  });

  it("says that its port is taken", async () => {
    const { address } = await start();
    const taken = start({ port: Number(address.split(":")[1]) });
    await expect(taken).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(address),
    });
  });
});

describe("the choice between the two", () => {
  it("falls to it without Java, and says why", async () => {
    const service = await startFirestore({ implementation: "auto", env: { PATH: "" } });
    cleanUps.push(() => service.stop());
    expect(service).toMatchObject({
      name: "firestore",
      implementation: "embedded",
      reason: "the embedded server (no Java found)",
      env: { FIRESTORE_EMULATOR_HOST: service.address },
    });
    await connect(service).doc("c/d").set({});
  });

  it("does not fall to it when the official one is asked for", async () => {
    const official = startFirestore({ implementation: "official", env: {} });
    await expect(official).rejects.toMatchObject({
      code: "failed-precondition",
      message: expect.stringContaining("gcloud components install cloud-firestore-emulator"),
    });
  });

  it("is used as a client finds it in its environment", async () => {
    const service = await startFirestore({ implementation: "embedded" });
    cleanUps.push(() => service.stop());
    expect(service.reason).toBe("the embedded server (as asked)");
    const script = `
      const { Firestore } = await import("@google-cloud/firestore");
      const db = new Firestore({ projectId: "demo" });
      await db.doc("c/d").create({ n: 1 });
      process.stdout.write(JSON.stringify((await db.doc("c/d").get()).data()));`;
    const env = { ...process.env, METADATA_SERVER_DETECTION: "none", ...service.env };
    const client = spawn(process.execPath, ["--input-type=module", "-e", script], { env });
    const [output] = await once(client.stdout, "data");
    await once(client, "exit");
    expect(String(output)).toBe('{"n":1}');
  });
});
