// The HTTP API as a program uses it: typed answers, errors with the server's own words, an identity token
// each call.
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";
import { Client, type ClientRegistration } from "../../shared/core/schemas/client.ts";
import { ModelVersion } from "../../shared/core/schemas/ids.ts";
import { Invocation } from "../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";
import { Round } from "../../shared/core/schemas/round.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import type { RunSpec } from "../../shared/core/schemas/spec.ts";
import { type ApiCall, apiTransport, type Transport } from "./apiTransport.ts";

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

const PAGE = 1_000;

/**
 * Failures are told in the api's own words; what it is too busy for is asked again for a while where that is
 * harmless.
 *
 * @param token gives an identity token for the api's address.
 */
export function apiClient(url: string, token: (audience: string) => Promise<string>): ApiClient {
  return typedApi(apiTransport({ url, token }));
}

/** The same over a transport of one's own. */
export function typedApi(transport: Transport): ApiClient {
  const call = async <T>(
    method: ApiCall["method"],
    path: string,
    schema: z.ZodType<T>,
    body?: unknown,
    key?: string,
  ): Promise<T> => {
    const answer = readTolerantly(schema, await transport.call({ method, path, body, key }));
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
    createRun: (spec, key) => call("POST", "/v1/runs", Run, spec, key),
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
