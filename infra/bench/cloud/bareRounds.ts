// A process of its own that plays a round's calls to the database and the bucket, and does nothing else: no
// function, no queue, no token, no check, no fold. It and the local cloud keep two cores busy, so on two a
// round can hardly take less. `bareRounds.ts RUN ROUND TIMES` plays a closed round's calls.
import * as z from "zod";
import { readEnv, variables } from "../../../shared/cloud/env.ts";
import { connectObjects } from "../../../shared/cloud/objects/connectObjects.ts";
import { connectStore } from "../../../shared/cloud/store/firestoreStore.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { refs } from "../../../shared/core/ports/store.ts";
import { modelObject, updateObject, updatesOfRound } from "../../../shared/core/round/objects.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";

/** Downloads at once, as the aggregator has. */
const AHEAD = 8;
const LINK_SECONDS = 600;
const CONTENT_TYPE = "application/octet-stream";

const [runId = "", roundText = "", timesText = ""] = process.argv.slice(2);
const round = Number(roundText);
const { GOOGLE_CLOUD_PROJECT, MODEL_BUCKET, STORAGE_API_ENDPOINT, SIGN_BLOB_ENDPOINT } = variables;
const env = readEnv(
  z.object({ GOOGLE_CLOUD_PROJECT, MODEL_BUCKET, STORAGE_API_ENDPOINT, SIGN_BLOB_ENDPOINT }),
);
const store = connectStore({ projectId: env.GOOGLE_CLOUD_PROJECT, databaseId: "(default)" });
const objects = connectObjects({
  projectId: env.GOOGLE_CLOUD_PROJECT,
  bucket: env.MODEL_BUCKET,
  ...(env.STORAGE_API_ENDPOINT === undefined ? {} : { apiEndpoint: env.STORAGE_API_ENDPOINT }),
  ...(env.SIGN_BLOB_ENDPOINT === undefined ? {} : { signBlobEndpoint: env.SIGN_BLOB_ENDPOINT }),
});
const model = new Uint8Array(await objects.read(modelObject(runId, 0)));
const { items: invocations } = await store.listInvocations(runId, round, { limit: 500 });

const wallMs: number[] = [];
for (let time = 0; time < Number(timesText); time++) {
  const startedMs = performance.now();
  await Promise.all(invocations.map(contribute));
  for (let start = 0; start < invocations.length; start += AHEAD) {
    await Promise.all(invocations.slice(start, start + AHEAD).map(drain));
  }
  await objects.write(`${updatesOfRound(runId, round)}version`, model);
  const documents = invocations.map((invocation) => ({ ref: refOf(invocation), value: invocation }));
  await store.setAll("mark-settled", documents);
  wallMs.push(performance.now() - startedMs);
  // As in a round, this is not waited for.
  await Promise.all(invocations.map((invocation) => objects.remove(updateObject(runId, invocation))));
}
await store.close();
process.send?.({ wallMs });

/** A client's part: its claim, its model, its update, its report. */
async function contribute(invocation: Invocation): Promise<void> {
  await store.get(refs.round(runId, round));
  await rewrite(invocation, "claim");
  const [down, up] = await Promise.all([
    objects.signedReadUrl(modelObject(runId, 0), { expiresInSeconds: LINK_SECONDS }),
    objects.signedWriteUrl(updateObject(runId, invocation), {
      expiresInSeconds: LINK_SECONDS,
      maxBytes: model.byteLength,
      contentType: CONTENT_TYPE,
      ifGeneration: 0,
    }),
  ]);
  await (await answered(await fetch(down.url, { headers: down.headers }))).arrayBuffer();
  await answered(await fetch(up.url, { method: "PUT", headers: up.headers, body: model }));
  await rewrite(invocation, "report");
}

/** The same document again, so that nothing changes. */
function rewrite(invocation: Invocation, step: "claim" | "report"): Promise<void> {
  const ref = refOf(invocation);
  return store.transact(step, async (transaction) => {
    await transaction.get(ref);
    transaction.set(ref, invocation);
  });
}

async function drain(invocation: Invocation): Promise<void> {
  const { stream, sizeBytes } = await objects.openRead(updateObject(runId, invocation));
  let received = 0;
  for await (const chunk of stream) received += chunk.byteLength;
  if (received !== sizeBytes) throw new FlError("data-loss", `Of ${sizeBytes} bytes ${received} came.`);
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new FlError("unavailable", `The bucket answered ${response.status}: ${await response.text()}`);
}

function refOf({ clientId }: Invocation) {
  return refs.invocation(runId, round, clientId);
}
