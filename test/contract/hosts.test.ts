// Every HTTP server of the local cloud refuses a request that was sent to another name, as a web page's is.
import { request as httpRequest } from "node:http";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { isOwnHost } from "../../infra/box/ownHost.ts";
import type { Service } from "../../infra/box/service.ts";
import { startStorage } from "../../infra/box/storage/startStorage.ts";
import { startTasks } from "../../infra/box/tasks/startTasks.ts";
import { startSample } from "../support/functions/startSample.ts";

const EMAIL = "client-a@demo.iam.gserviceaccount.com";
const services: Service[] = [];
let token = "";
/** By name: the address, and a path that a good request is answered 200 on. */
const servers: Record<string, readonly [address: string, method: string, path: string]> = {};

beforeAll(async () => {
  const metadata = await startMetadata({ projectId: "demo" });
  const grants = [{ member: EMAIL, bucket: "data", role: "reader" as const }];
  const storage = await startStorage({ identities: metadata.identities, buckets: ["data"], grants });
  const { runtime } = await startSample({ minInstances: 1 });
  services.push(metadata, storage, runtime);
  const account = "/computeMetadata/v1/instance/service-accounts/default";
  servers["metadata"] = [await metadata.identityHost(EMAIL), "GET", `${account}/token`];
  servers["keys"] = [metadata.address, "GET", "/oauth2/v3/certs"];
  servers["storage"] = [storage.address, "GET", "/storage/v1/b/data/o"];
  servers["functions"] = [runtime.address, "POST", "/"];
  token = metadata.identities.accessToken(EMAIL).token;
});
afterAll(async () => {
  for (const service of services.toReversed()) await service.stop();
});
function statusOf(server: string, host: string): Promise<number | undefined> {
  const [address = "", method, path] = servers[server] ?? [];
  const headers = { host, "metadata-flavor": "Google", authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    httpRequest(`http://${address}${path}`, { method, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

it.each(["metadata", "keys", "storage", "functions"])("%s", async (server) => {
  const port = servers[server]?.[0].split(":")[1];
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "localhost", `[::1]:${port}`])
    expect(await statusOf(server, host), host).toBe(200);
  for (const host of ["evil.example", `evil.example:${port}`, `127.0.0.1.evil.example:${port}`])
    expect(await statusOf(server, host), host).toBe(421);
});

/** The status number of a gRPC call without a body, made to `authority`; undefined when it was answered. */
function grpcStatus(address: string, authority: string, path: string): Promise<number | undefined> {
  const options = { "grpc.default_authority": authority };
  const client = new Client(address, credentials.createInsecure(), options);
  return new Promise((resolve) => {
    const same = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (error) => {
      client.close();
      resolve(error?.code);
    });
  });
}

it("the queues and the database, which speak gRPC", async () => {
  const tasks = await startTasks({ mintIdToken: async () => "token" });
  const firestore = await startFirestore({ implementation: "embedded" });
  services.push(tasks, firestore);
  const calls = [
    [tasks.address, "/google.cloud.tasks.v2.CloudTasks/GetTask"],
    [firestore.address, "/google.firestore.v1.Firestore/ListCollectionIds"],
  ] as const;
  for (const [address, path] of calls) {
    expect(await grpcStatus(address, address, path)).not.toBe(status.PERMISSION_DENIED);
    expect(await grpcStatus(address, "evil.example", path)).toBe(status.PERMISSION_DENIED);
  }
});

it.each([
  ["LOCALHOST:80", true],
  ["127.255.0.9", true],
  ["[::1]", true],
  [undefined, false],
  ["", false],
  ["0.0.0.0:80", false],
  ["127.0.0.1@evil.example", false],
  ["127.0.0.1.nip.io", false],
  ["127.0.0.256", false],
  ["localhost.evil.example", false],
  ["metadata.google.internal", false],
  ["localhost:80:80", false],
  ["[::1].evil.example", false],
  ["::1", false],
  ["169.254.169.254", false],
] as const)("%s: %s", (host, own) => {
  expect(isOwnHost(host)).toBe(own);
});
