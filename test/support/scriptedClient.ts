// A client by script: it makes the two calls and the two transfers of a real one, and its update is a number.
import { createHash } from "node:crypto";
import * as z from "zod";
import { encodeUpdate } from "../../shared/core/methods/update/update.ts";
import { CLIENT_RELEASE } from "../../shared/core/round/clientRelease.ts";
import { Grant, type Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import type { Answer, TestCloud } from "./cloud.ts";

export interface Place {
  readonly runId: string;
  readonly round: number;
  readonly clientId: string;
}

/** The service account that a scripted client is registered with. */
export function accountOf(clientId: string): string {
  return `${clientId}@silo.iam.gserviceaccount.com`;
}

export async function registerClients(
  cloud: TestCloud,
  clientIds: readonly string[],
  url = "http://127.0.0.1:9/",
): Promise<void> {
  for (const clientId of clientIds) {
    const answer = await cloud.call("POST", "/v1/clients", {
      clientId,
      url,
      serviceAccount: accountOf(clientId),
    });
    if (answer.status !== 201) throw new Error(`client not registered: ${JSON.stringify(answer.body)}`);
  }
}

export function claim(
  cloud: TestCloud,
  place: Place,
  as = accountOf(place.clientId),
  release: number | undefined = CLIENT_RELEASE,
): Promise<Answer> {
  return cloud.callAs(as, cloud.urls.coordinator, "/claim", { ...place, coldStart: true, release });
}

/** Every value of the delta is `value`. */
export function updateFile(grant: Grant, value: number): Uint8Array<ArrayBuffer> {
  const delta: Weights = grant.parameters.map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value),
  }));
  return encodeUpdate(delta, { encoding: "f32", baseVersion: grant.baseVersion });
}

export async function put(grant: Grant, file: Uint8Array<ArrayBuffer>): Promise<number> {
  const response = await fetch(grant.update.url, {
    method: "PUT",
    headers: grant.update.headers,
    body: file,
  });
  await response.arrayBuffer();
  return response.status;
}

export interface Trained {
  readonly file: Uint8Array;
  readonly samples: number;
  readonly steps?: number;
  readonly trainMs?: number;
  readonly backend?: string;
}

export function reportBody(
  place: Place,
  attempt: number,
  trained: Trained | { readonly failure: string },
): unknown {
  const result =
    "failure" in trained
      ? { kind: "failure" as const, failure: { code: "invalid-argument", message: trained.failure } }
      : {
          kind: "update" as const,
          update: {
            attempt,
            sizeBytes: trained.file.byteLength,
            sha256: createHash("sha256").update(trained.file).digest("hex"),
          },
          training: {
            samples: trained.samples,
            steps: trained.steps ?? 3,
            partial: false,
            lossBefore: 2,
            lossAfter: 1,
            backend: trained.backend ?? "script",
          },
        };
  const request: ReportRequest = {
    ...place,
    attempt,
    sentAt: Date.now(),
    coldStart: true,
    timings: {
      queueWaitMs: 5,
      coldStartMs: 700,
      claimMs: 10,
      downloadMs: 20,
      dataMs: 5,
      trainMs: "trainMs" in trained && trained.trainMs !== undefined ? trained.trainMs : 1_000,
      uploadMs: 15,
    },
    bytesDown: 1_000,
    bytesUp: 500,
    peakRssMib: 120,
    result,
  };
  return z.encode(ReportRequest, request);
}

export async function report(
  cloud: TestCloud,
  place: Place,
  attempt: number,
  trained: Trained | { readonly failure: string },
  as = accountOf(place.clientId),
): Promise<Answer> {
  return cloud.callAs(as, cloud.urls.coordinator, "/report", reportBody(place, attempt, trained));
}

/** The whole of an invocation: claim, upload, report. */
export async function contribute(
  cloud: TestCloud,
  place: Place,
  { value, samples }: { readonly value: number; readonly samples: number },
): Promise<Receipt["status"]> {
  const claimed = await claim(cloud, place);
  if (claimed.status !== 200) throw new Error(`not granted: ${JSON.stringify(claimed.body)}`);
  const grant = Grant.parse(claimed.body);
  const file = updateFile(grant, value);
  const status = await put(grant, file);
  if (status !== 200) throw new Error(`upload answered ${status}`);
  const answer = await report(cloud, place, grant.attempt, { file, samples });
  if (answer.status !== 200) throw new Error(`report answered ${JSON.stringify(answer.body)}`);
  return answer.body.status;
}

/**
 * Waits until `probe` gives a value other than null; the local cloud works in milliseconds, so it asks often.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null>,
  timeoutMs = 15_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== null) return value;
    if (Date.now() > until) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
