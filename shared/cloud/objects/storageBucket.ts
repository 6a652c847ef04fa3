// The official Cloud Storage client for one bucket, loaded on first use and set up for short-lived functions.
import type { Bucket } from "@google-cloud/storage";
import { crc32cValidator } from "./crc32cValidator.ts";

export interface BucketOptions {
  readonly bucket: string;
  readonly projectId: string;
  /** Another API than Google's: the local cloud's. It is asked with the same credentials. */
  readonly apiEndpoint?: string;
}

/** Shorter than a function's own time limit, so that a failure can still be recorded. */
const RETRY_SECONDS = 30;

export async function storageBucket({ bucket, projectId, apiEndpoint }: BucketOptions): Promise<Bucket> {
  const [{ IdempotencyStrategy, Storage }, crc32cGenerator] = await Promise.all([
    import("@google-cloud/storage"),
    crc32cValidator(),
  ]);
  const storage = new Storage({
    projectId,
    ...(apiEndpoint === undefined ? {} : { apiEndpoint, useAuthWithCustomEndpoint: true }),
    crc32cGenerator,
    retryOptions: {
      // Objects are written whole, so a repeated write changes nothing. The default strategy would also turn retries off for
      // the whole client after the first write without a precondition.
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      totalTimeout: RETRY_SECONDS,
      maxRetryDelay: 8,
    },
  });
  return storage.bucket(bucket);
}
