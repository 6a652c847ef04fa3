// The HTTP API as a program uses it: typed answers, errors with the server's own words, an identity token
// each call.
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";
import { Client, type ClientRegistration } from "../../shared/core/schemas/client.ts";
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
  invocations(runId: string, round: number): Promise<Invocation[]>;
}

const Upload = z.object({
  uploadId: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
});

const TIMEOUT_MS = 60_000;
const PAGE = 1_000;

/** @param token gives an identity token for the api's address. */
export function apiClient(url: string, token: (audience: string) => Promise<string>): ApiClient {
  const call = async <T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const response = await fetch(`${url}${path}`, {
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
    if (!response.ok)
      throw new FlError("failed-precondition", `${method} ${path} answered ${response.status}: ${text}`);
    const answer = readTolerantly(schema, JSON.parse(text));
    if (answer.success) return answer.data;
    throw new FlError("failed-precondition", `${method} ${path} answered what this release cannot read.`, {
      cause: answer.error,
    });
  };
  const all = async <T>(path: string, item: z.ZodType<T>): Promise<T[]> => {
    const page = z.object({ items: z.array(item), nextCursor: z.string().nullable() });
    const items: T[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const answer: z.infer<typeof page> = await call("GET", `${path}?limit=${PAGE}${query}`, page);
      items.push(...answer.items);
      cursor = answer.nextCursor;
    }
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
    invocations: (runId, round) => all(`/v1/runs/${runId}/rounds/${round}/invocations`, Invocation),
  };
}
