// Files that people hand in beside a spec: the weights that a run is to begin with.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { uploadObject } from "../../shared/core/round/objects.ts";
import { Instant } from "../../shared/core/schemas/ids.ts";
import { UploadId } from "../../shared/core/schemas/model.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";

const define = route<Principal>();

/** How long a link to upload a file works. */
const LINK_SECONDS = 3_600;

const MAX_UPLOAD_BYTES = 8 * 2 ** 30;

/** Of a safetensors file, which begins with the length of its header. */
const LEAST_BYTES = 8;

const NewUpload = z
  .strictObject({
    sizeBytes: z.number().int().min(LEAST_BYTES).max(MAX_UPLOAD_BYTES).describe("Of the file."),
  })
  .meta({ id: "NewUpload" });

const Upload = z
  .strictObject({
    uploadId: UploadId,
    url: z.string().describe("PUT the file to it, once, before it expires."),
    headers: z.record(z.string(), z.string()).describe("Send every one of them with it, unchanged."),
    expiresAt: Instant,
  })
  .meta({ id: "Upload" });

export function uploadRoutes({ objects, newSuffix, nowMs }: ApiDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "POST",
      path: "/v1/uploads",
      operationId: "createUpload",
      summary: "Get a link to upload the weights that runs are to begin with, a safetensors file.",
      params: NoParams,
      query: NoQuery,
      body: NewUpload,
      answer: { status: 201, schema: Upload },
      run: async ({ body }) => {
        const uploadId = newSuffix() + newSuffix();
        const { url, headers } = await objects.signedWriteUrl(uploadObject(uploadId), {
          expiresInSeconds: LINK_SECONDS,
          maxBytes: body.sizeBytes,
          contentType: "application/octet-stream",
          ifGeneration: 0,
        });
        return { uploadId, url, headers: { ...headers }, expiresAt: nowMs() + LINK_SECONDS * 1_000 };
      },
    }),
  ];
}
