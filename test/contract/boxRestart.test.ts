// Each server of the local cloud with a state: what was answered before it ended is there when it starts
// again.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Timestamp } from "@google-cloud/firestore";
import { CloudTasksClient } from "@google-cloud/tasks";
import { credentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { openState } from "../../infra/box/state/openState.ts";
import type { State } from "../../infra/box/state/state.ts";
import { startStorage } from "../../infra/box/storage/startStorage.ts";
import { startTasks, type TasksServer } from "../../infra/box/tasks/startTasks.ts";
import { connectFirestore } from "../support/firestoreClient.ts";

let dir: string;
let state: State;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "box-restart-"));
  state = openState(join(dir, "data"));
});
afterEach(async () => {
  state.close();
  await rm(dir, { recursive: true });
});
const reopen = () => {
  state.close();
  state = openState(join(dir, "data"));
};

test("documents of every value come back with their times; what was deleted does not", async () => {
  const first = await startEmbedded({ state });
  const db = connectFirestore(first.address, { projectId: "kept" });
  const values = {
    text: "ü",
    whole: 7,
    part: 0.5,
    negativeZero: -0,
    notANumber: Number.NaN,
    endless: Number.POSITIVE_INFINITY,
    at: new Timestamp(1_700_000_000, 123_456_000),
    bytes: Buffer.from([0, 1, 255]),
    list: [1, { deep: null }],
    map: { empty: {}, truth: true },
    other: db.doc("c/other"),
  };
  await db.doc("c/d").set(values);
  await db.doc("c/gone").set({});
  await db.doc("c/gone").delete();
  const before = await db.doc("c/d").get();
  await db.terminate();
  await first.stop();
  reopen();

  const second = await startEmbedded({ state });
  const again = connectFirestore(second.address, { projectId: "kept" });
  const after = await again.doc("c/d").get();
  expect(after.get("bytes")).toEqual(values.bytes);
  expect(Object.is(after.get("negativeZero"), -0)).toBe(true);
  const { other, ...rest } = after.data() ?? {};
  expect(rest).toEqual({ ...values, other: undefined });
  expect(other.path).toBe("c/other");
  expect([after.createTime, after.updateTime]).toEqual([before.createTime, before.updateTime]);
  expect((await again.collection("c").get()).size).toBe(1);
  const written = await again.doc("c/d").set(values);
  expect(written.writeTime, "the same content is not a change").toEqual(before.updateTime);
  await again.terminate();
  await second.stop();
});

test("the official emulator is not asked to keep what it cannot", async () => {
  await expect(startFirestore({ implementation: "official", state })).rejects.toMatchObject({
    code: "failed-precondition",
    message: expect.stringContaining("use the embedded server"),
  });
  const service = await startFirestore({ implementation: "auto", state });
  expect(service.reason).toBe("the embedded server (the official emulator keeps nothing on disk)");
  await service.stop();
});

test("objects, signed URLs, tokens and keys are as they were; what was half written is gone", async () => {
  const email = "writer@demo.iam.gserviceaccount.com";
  const start = async () => {
    const metadata = await startMetadata({ projectId: "demo", state });
    const storage = await startStorage({
      identities: metadata.identities,
      grants: [{ member: email, bucket: "models", role: "writer" }],
      buckets: ["models"],
      state,
    });
    return { metadata, storage };
  };
  const first = await start();
  const { token } = first.metadata.identities.accessToken(email);
  const authorization = `Bearer ${token}`;
  const generationOf = (resource: unknown) => Number((resource as { generation: string }).generation);
  const upload = (endpoint: string, name: string, body: string | ReadableStream) =>
    fetch(`${endpoint}/upload/storage/v1/b/models/o?uploadType=media&name=${name}`, {
      method: "POST",
      headers: { authorization, "content-type": "text/x" },
      body,
      ...(typeof body === "string" ? {} : { duplex: "half" }),
    } as RequestInit);
  await upload(first.storage.endpoint, "old", "1");
  const written = await (await upload(first.storage.endpoint, "old", "content")).json();
  await upload(first.storage.endpoint, "gone", "x");
  await fetch(`${first.storage.endpoint}/storage/v1/b/models/o/gone`, {
    method: "DELETE",
    headers: { authorization },
  });
  const half = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
  });
  const cut = upload(first.storage.endpoint, "half", half).catch(() => "cut");
  await vi.waitFor(async () => expect(await readdir(join(dir, "data/contents"))).toHaveLength(2));
  const signature = first.metadata.identities.signBlob(Buffer.from("url"));
  const idToken = await first.metadata.mintIdToken({ email, audience: "http://a" });
  await first.storage.stop();
  await first.metadata.stop();
  await cut;
  reopen();

  const second = await start();
  const { identities } = second.metadata;
  expect(identities.emailOfAccessToken(token)).toBe(email);
  expect(identities.accessToken(email).token).toBe(token);
  expect(identities.verifyBlob(Buffer.from("url"), signature.signature)).toBe(true);
  expect(identities.keySet).toEqual(first.metadata.identities.keySet);
  expect(idToken.split(".")).toHaveLength(3);
  const read = (path: string) => fetch(`${second.storage.endpoint}${path}`, { headers: { authorization } });
  expect(await (await read("/storage/v1/b/models/o/old")).json()).toEqual(written);
  expect(await (await read("/storage/v1/b/models/o/old?alt=media")).text()).toBe("content");
  expect((await read("/storage/v1/b/models/o/gone")).status).toBe(404);
  expect((await read("/storage/v1/b/models/o/half")).status).toBe(404);
  expect(await readdir(join(dir, "data/contents"))).toHaveLength(1);
  const newer = await (await upload(second.storage.endpoint, "newer", "x")).json();
  expect(generationOf(newer)).toBeGreaterThan(generationOf(written));
  await second.storage.stop();
  await second.metadata.stop();
});

test("tasks wait, are sent again or stay refused as if nothing had happened", async () => {
  const parent = "projects/demo/locations/local/queues/q";
  const seen: string[] = [];
  let isHanging = true;
  const target: Server = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers["x-cloudtasks-taskretrycount"]}`);
    request.resume().on("end", () => {
      if (request.url !== "/hanging" || !isHanging) response.end();
    });
  });
  const origin = `http://${await listen(target)}`;
  const start = (isHeld: boolean) =>
    startTasks({ mintIdToken: async () => "", queues: [{ name: parent, maxAttempts: 1 }], state, isHeld });
  const clientOf = (server: TasksServer) => {
    const [apiEndpoint = "", port] = server.address.split(":");
    return new CloudTasksClient({
      apiEndpoint,
      port: Number(port),
      sslCreds: credentials.createInsecure(),
      projectId: "demo",
      clientOptions: { universeDomain: "googleapis.com" },
    });
  };
  const first = await start(false);
  const client = clientOf(first);
  const create = (to: CloudTasksClient, id: string, queue = parent, delaySeconds = 0) =>
    to.createTask({
      parent: queue,
      task: {
        name: `${queue}/tasks/${id}`,
        httpRequest: { url: `${origin}/${id}`, body: Buffer.from([0, 255]) },
        scheduleTime: { seconds: Math.floor(Date.now() / 1_000) + delaySeconds },
      },
    });
  const other = parent.replace(/q$/, "paused");
  await client.createQueue({ parent: parent.replace(/\/queues.*/, ""), queue: { name: other } });
  await client.pauseQueue({ name: other });
  await create(client, "waits", other);
  await create(client, "done");
  await create(client, "hanging");
  await create(client, "later", parent, 2);
  await vi.waitFor(() => expect(seen).toEqual(["/done 0", "/hanging 0"]));
  await vi.waitFor(() => expect(first.queueDepth(parent)).toBe(2));
  await client.close();
  await first.halt();
  await first.stop();
  reopen();

  isHanging = false;
  const second = await start(true);
  const again = clientOf(second);
  await expect(create(again, "done"), "its name stays taken").rejects.toMatchObject({
    code: status.ALREADY_EXISTS,
  });
  const [queue] = await again.getQueue({ name: other });
  expect(queue).toMatchObject({ state: "PAUSED" });
  expect(second.queueDepth(other)).toBe(1);
  expect(second.queueDepth(parent)).toBe(2);
  expect(seen, "nothing goes out before its targets listen").toHaveLength(2);
  second.release();
  await vi.waitFor(() => expect(seen).toHaveLength(4), { timeout: 6_000 });
  expect(seen.slice(2)).toEqual(["/hanging 1", "/later 0"]);
  await again.deleteQueue({ name: other });
  await vi.waitFor(() => expect(second.queueDepth(parent)).toBe(0));
  await again.close();
  await second.stop();
  reopen();

  const third = await start(false);
  expect(() => third.queueDepth(other)).toThrow(/There is no queue/);
  expect(third.idle()).toBe(true);
  await third.stop();
  await close(target);
});
