// A local Cloud Storage: the JSON API for the official client library, and signed URLs for all others.
//
// What it does not do:
// - Versioning, soft delete, holds, retention, lifecycle rules, notifications, customer keys, ACLs, bucket
//   policies, HMAC keys, batch requests, storage classes, locations: none of these exist. Unknown methods are
//   answered 501.
// - Rights are the list given at start, not IAM; a bucket has no settings to change.
// - Without a state, the index is in memory and the contents are in a folder that `stop` removes: a restart
//   begins empty. With one, objects are kept.
// - Signed URLs: V4 with RSA only, path style, without signed payloads, POST policies or resumable starts;
//   `response-…` parameters are verified with the rest but not obeyed. The canonical host carries no port, as
//   the official client signs it.
// - JSON requests with gzip bodies and decompression on download ("transcoding"); a gzip object is served
//   as it is stored.
// - Only one byte range a request. No quotas and no rate limits: it never answers 429 by itself.
// - Resumable uploads, copies and rewrites: answered 501. The official client asks a custom endpoint for a
//   resumable session without credentials, so uploads here are `resumable: false`.
import { createServer, type IncomingMessage, ServerResponse } from "node:http";
import { type CallFault, CallFaults } from "../callFaults.ts";
import { close, listen } from "../metadata/listen.ts";
import type { Service } from "../service.ts";
import { noState, type State } from "../state/state.ts";
import { UsageMeter } from "../usageMeter.ts";
import { Access, type Grant, type Verifier } from "./access.ts";
import { BlobFolder } from "./blobFolder.ts";
import { type Call, findRoute, type Storage } from "./http.ts";
import { jsonRoutes } from "./jsonApi.ts";
import { ObjectTable } from "./objectTable.ts";
import { asStorageError, StorageError } from "./storageError.ts";
import { uploadRoutes } from "./uploads.ts";
import { handleXml } from "./xmlApi.ts";

export interface StorageOptions {
  /** Knows the access tokens and the signatures: the metadata service's `identities`. */
  readonly identities: Verifier;
  /** Who may do what; all else is refused. */
  readonly grants: readonly Grant[];
  /** Buckets to begin with. */
  readonly buckets?: readonly string[];
  /** Where the folder with the contents is made; default the system's temporary folder. */
  readonly dataDir?: string;
  readonly port?: number;
  /** The clock of signed URLs, in ms; default the real one. */
  readonly nowMs?: () => number;
  /** Requests that are to fail; default none. */
  readonly faults?: CallFaults;
  /** Keeps buckets, objects and their contents; default none. */
  readonly state?: State;
  /** Counts operations. */
  readonly meter?: UsageMeter;
}

export interface StorageService extends Service {
  readonly name: "storage";
  /** The API's root, for the client's `apiEndpoint`. Also in `env`, as STORAGE_API_ENDPOINT. */
  readonly endpoint: string;
}

const JSON_PATH = /^(\/upload|\/download)?\/storage\/v1\//;

export async function startStorage(options: StorageOptions): Promise<StorageService> {
  const state = options.state ?? noState;
  const removals = new Set<Promise<void>>();
  const table = new ObjectTable((blob) => {
    const removal = blobs.remove(blob).finally(() => removals.delete(removal));
    removals.add(removal);
  }, state);
  const blobs =
    state.contentsDir === undefined
      ? await BlobFolder.create(options.dataDir)
      : await BlobFolder.open(state.contentsDir, table.files());
  const storage: Storage = {
    table,
    blobs,
    access: new Access(options.grants, options.identities),
    nowMs: options.nowMs ?? Date.now,
  };
  const routes = [...jsonRoutes, ...uploadRoutes];
  const server = createServer((request, response) => void receive(request, response));

  const faults = options.faults ?? new CallFaults();
  const meter = options.meter ?? new UsageMeter();

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = faults.strike("storage", request.method ?? "", () => [decodedPath(request.url)]);
    if (fault === undefined) return await serve(request, response);
    // What the handler answers goes nowhere.
    if (fault.applied) await serve(request, new ServerResponse(request));
    answerFault(fault.answer, request, response);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await handle(request, response);
    meter.storage(request.method ?? "", request.url ?? "/", response.statusCode);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/", query] = (request.url ?? "/").split("?", 2);
    const isJson = JSON_PATH.test(path);
    const call: Call = { ...storage, request, response, path, query: new URLSearchParams(query), params: {} };
    try {
      if (!isJson) return await handleXml(call);
      const route = findRoute(routes, request.method ?? "", path);
      if (route === undefined)
        throw new StorageError("noMethod", `${request.method} ${path} is not known here.`);
      await route.handler({ ...call, params: route.params });
    } catch (error) {
      answerError(asStorageError(error), isJson, call);
    }
  }

  let stopped: Promise<void> | undefined;
  async function stopAll(): Promise<void> {
    await close(server);
    await Promise.all(removals);
    await blobs.close();
  }

  try {
    for (const bucket of options.buckets ?? []) if (!table.hasBucket(bucket)) table.createBucket(bucket);
    const address = await listen(server, options.port);
    const endpoint = `http://${address}`;
    return {
      name: "storage",
      address,
      endpoint,
      env: { STORAGE_API_ENDPOINT: endpoint },
      async stop() {
        stopped ??= stopAll();
        await stopped;
      },
    };
  } catch (error) {
    await blobs.close();
    throw error;
  }
}

function decodedPath(url = "/"): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url; // Malformed, which its handler will report.
  }
}

function answerFault(
  answer: Extract<CallFault, { service: "storage" }>["answer"],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (answer === "lost") {
    request.socket.destroy();
    return;
  }
  request.resume();
  response.writeHead(answer, { "content-type": "text/plain" }).end("Failed, as a fault rule asks.\n");
}

/**
 * Answers an error. After the head of an answer has gone out, or the caller has left, it only closes the
 * connection.
 */
function answerError(error: StorageError, isJson: boolean, { request, response, query }: Call): void {
  if (response.headersSent || request.socket.destroyed) {
    response.destroy();
    return;
  }
  // What is left of the body must be taken, or the caller would never come to read the answer.
  request.resume();
  const { type, body } = rendered(error, isJson, query);
  response.writeHead(error.status, { "content-type": `${type}; charset=UTF-8` });
  response.end(request.method === "HEAD" || error.status === 304 ? undefined : body);
}

function rendered(error: StorageError, isJson: boolean, query: URLSearchParams) {
  if (!isJson) return { type: "application/xml", body: error.toXml() };
  if (query.get("alt") === "media") return { type: "text/plain", body: error.message };
  return { type: "application/json", body: error.toJson() };
}
