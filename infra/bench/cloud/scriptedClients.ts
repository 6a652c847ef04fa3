// A client function that does not train: it claims, uploads bytes that it has already, and reports. With the
// protocol's own messages, over HTTP, from this process.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { encodeUpdate } from "../../../shared/core/methods/update/update.ts";
import { TASKS, type TaskBody } from "../../../shared/core/protocol/tasks.ts";
import { Grant, ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import type { LocalCloud } from "./localCloud.ts";

export interface ScriptedClients {
  readonly url: string;
  readonly updates: number;
  stop(): Promise<void>;
}

/** Uploads at a time: one more would only wait for the same disk. */
const AT_ONCE = 2;

/** All updates of a run are the same: `deltaOf` its first grant's model. */
export async function startScriptedClients(
  cloud: LocalCloud,
  deltaOf: (grant: Grant) => Weights,
  onUpdate: (updates: number) => void,
): Promise<ScriptedClients> {
  let updates = 0;
  const files = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly sha256: string }>();
  const inTurn = limiter(AT_ONCE);
  const coordinator = cloud.box.runtime.url("coordinator");

  const fileOf = (runId: string, grant: Grant) => {
    const known = files.get(runId);
    if (known !== undefined) return known;
    const bytes = encodeUpdate(deltaOf(grant), { encoding: "f32", baseVersion: grant.baseVersion });
    const file = { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
    files.set(runId, file);
    return file;
  };

  const contribute = async (task: TaskBody<"invoke">) => {
    const claimed = await post(`${coordinator}/claim`, { ...task, coldStart: false });
    const grant = Grant.parse(await claimed.json());
    const { bytes, sha256 } = fileOf(task.runId, grant);
    const { url, headers } = grant.update;
    await expectOk("upload", await fetch(url, { method: "PUT", headers, body: bytes }));
    const report: ReportRequest = {
      ...task,
      attempt: grant.attempt,
      sentAt: Date.now(),
      coldStart: false,
      timings: {
        queueWaitMs: 0,
        coldStartMs: 0,
        claimMs: 0,
        downloadMs: 0,
        dataMs: 0,
        trainMs: 0,
        uploadMs: 0,
      },
      bytesDown: 0,
      bytesUp: bytes.byteLength,
      peakRssMib: 0,
      result: {
        kind: "update",
        update: { attempt: grant.attempt, sizeBytes: bytes.byteLength, sha256 },
        training: {
          samples: 10,
          steps: 1,
          partial: false,
          lossBefore: null,
          lossAfter: null,
          backend: "script",
        },
      },
    };
    await post(`${coordinator}/report`, z.encode(ReportRequest, report));
    onUpdate(++updates);
  };

  const post = async (url: string, body: unknown) => {
    const authorization = `Bearer ${await cloud.token(coordinator)}`;
    const answer = await fetch(url, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return expectOk(url, answer);
  };

  const server = createServer(async (request, response) => {
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const task = TASKS.invoke.body.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      await inTurn(() => contribute(task));
      response.writeHead(200).end();
    } catch (error) {
      response.writeHead(500).end(String(error)); // The queue tries again.
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get updates() {
      return updates;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function expectOk(what: string, answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  throw new FlError("unavailable", `${what} answered ${answer.status}: ${await answer.text()}`);
}

/** Runs at most `most` of what it is given at a time, in order. */
function limiter(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
