// The HTTP API as a program uses it: typed answers, errors with the server's own words, an identity token
// each call.
import * as z from "zod";
import { PATIENCE_MS, withRetries } from "../../shared/cloud/withRetries.ts";
import { FlError } from "../../shared/core/errors.ts";
import { Client, type ClientRegistration } from "../../shared/core/schemas/client.ts";
import { ModelVersion } from "../../shared/core/schemas/ids.ts";
import { Invocation } from "../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";
import { Round } from "../../shared/core/schemas/round.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../shared/core/schemas/spec.ts";

export interface ApiClient {
  register(registration: z.input<typeof ClientRegistration>): Promise<Client>;
  /** @param key makes repeating the call for a day do nothing more: it gives the same run. */
  createRun(spec: z.input<typeof RunSpec>, key?: string): Promise<Run>;
  /** Hands in a file that a spec names, such as weights. @returns its uploadId */
  upload(file: Uint8Array<ArrayBuffer>): Promise<string>;
  act(runId: string, action: "start" | "pause" | "resume" | "cancel"): Promise<Run>;
  run(runId: string): Promise<Run>;
  rounds(runId: string): Promise<Round[]>;
  /** First to last, so many in a call: the document of a round with a large cohort is large. */
  eachRound(runId: string, limit: number): AsyncIterable<Round>;
  invocations(runId: string, round: number): Promise<Invocation[]>;
  clients(): Promise<Client[]>;
  /** A link that works for some minutes. */
  model(runId: string, version: number | "best" | "latest"): Promise<ModelLink>;
  /** Null where the run has no topology. */
  topology(runId: string): Promise<TopologyLinks | null>;
}

const Upload = z.object({
  uploadId: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
});

/** What a link gives is read without an identity. */
export const ModelLink = z.object({ version: ModelVersion, url: z.string(), sizeBytes: z.number() });
export type ModelLink = z.infer<typeof ModelLink>;

const Link = z.object({ url: z.string(), sizeBytes: z.number() });
const TopologyLinks = z.object({ topology: Link, source: Link.nullable() });
export type TopologyLinks = z.infer<typeof TopologyLinks>;

/** What the api says of a failure. */
const Refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

const TIMEOUT_MS = 60_000;
const PAGE = 1_000;

/**
 * Failures are told in the api's own words; what it is too busy for is asked again for a while where that is
 * harmless.
 *
 * @param token gives an identity token for the api's address.
 */
export function apiClient(url: string, token: (audience: string) => Promise<string>): ApiClient {
  const call = async <T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const ask = async () => {
      const response = await reached(url, `${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await token(url)}`,
          "content-type": "application/json",
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.ok) return text;
      throw refusalOf(`${method} ${path}`, response.status, text);
    };
    const answered = await withRetries(ask, method === "GET" ? PATIENCE_MS : 0);
    const answer = readTolerantly(schema, jsonOf(answered));
    if (answer.success) return answer.data;
    throw new FlError("failed-precondition", `${method} ${path} answered what this release cannot read.`, {
      cause: answer.error,
    });
  };
  const each = async function* <T>(path: string, item: z.ZodType<T>, limit: number): AsyncGenerator<T> {
    const page = z.object({ items: z.array(item), nextCursor: z.string().nullable() });
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer: z.infer<typeof page> = await call("GET", `${path}?limit=${limit}${query}`, page);
      yield* answer.items;
      cursor = answer.nextCursor;
    }
  };
  const all = async <T>(path: string, item: z.ZodType<T>): Promise<T[]> => {
    const items: T[] = [];
    for await (const one of each(path, item, PAGE)) items.push(one);
    return items;
  };
  return {
    register: (registration) => call("POST", "/v1/clients", Client, registration),
    createRun: (spec, key) =>
      call("POST", "/v1/runs", Run, spec, key === undefined ? {} : { "idempotency-key": key }),
    upload: async (file) => {
      const { uploadId, url, headers } = await call("POST", "/v1/uploads", Upload, {
        sizeBytes: file.byteLength,
      });
      const response = await fetch(url, { method: "PUT", headers, body: file });
      if (response.ok) return uploadId;
      const why = `${response.status}: ${await response.text()}`;
      throw new FlError("failed-precondition", `The link to upload a file answered ${why}`);
    },
    act: (runId, action) => call("POST", `/v1/runs/${runId}/${action}`, Run),
    run: (runId) => call("GET", `/v1/runs/${runId}`, Run),
    rounds: (runId) => all(`/v1/runs/${runId}/rounds`, Round),
    eachRound: (runId, limit) => each(`/v1/runs/${runId}/rounds`, Round, limit),
    invocations: (runId, round) => all(`/v1/runs/${runId}/rounds/${round}/invocations`, Invocation),
    clients: () => all("/v1/clients", Client),
    model: (runId, version) => call("GET", `/v1/runs/${runId}/models/${version}`, ModelLink),
    topology: async (runId) => {
      try {
        return await call("GET", `/v1/runs/${runId}/topology`, TopologyLinks);
      } catch (error) {
        if (error instanceof FlError && error.code === "not-found") return null;
        throw error;
      }
    },
  };
}

/** Throws `unavailable` where nothing answers at the address, which asking again at once will not change. */
async function reached(api: string, address: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, request);
  } catch (cause) {
    throw new FlError(
      "unavailable",
      `Nothing answers at ${api}. Check the api's address, and that it is up.`,
      { cause, retry: "never" },
    );
  }
}

function refusalOf(what: string, status: number, text: string): FlError {
  const refusal = Refusal.safeParse(jsonOf(text));
  const words = refusal.success ? refusal.data.error.message : text;
  const message = `${what} answered ${status}: ${words}`;
  if (status === 429 || (status >= 502 && status <= 504)) return new FlError("unavailable", message);
  if (status === 401) return new FlError("unauthenticated", message);
  if (status === 404) return new FlError("not-found", message);
  return new FlError("failed-precondition", message);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
