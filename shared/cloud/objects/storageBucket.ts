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
export const RETRY_SECONDS = 30;

export interface Buckets {
  /** Tries again by itself. */
  readonly bucket: Bucket;
  /**
   * The same bucket, to read streams from: the client fails the whole process when it tries one of those
   * again.
   */
  readonly streams: Bucket;
}

export async function storageBucket({ bucket, projectId, apiEndpoint }: BucketOptions): Promise<Buckets> {
  const [{ IdempotencyStrategy, Storage }, crc32cGenerator] = await Promise.all([
    import("@google-cloud/storage"),
    crc32cValidator(),
  ]);
  const common = {
    projectId,
    ...(apiEndpoint === undefined ? {} : { apiEndpoint, useAuthWithCustomEndpoint: true }),
    crc32cGenerator,
  };
  const storage = new Storage({
    ...common,
    retryOptions: {
      // Objects are written whole, so a repeated write changes nothing. The default strategy would also turn
      // retries off for the whole client after the first write without a precondition.
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      totalTimeout: RETRY_SECONDS,
      maxRetryDelay: 8,
    },
  });
  const withoutRetries = new Storage({
    ...common,
    authClient: storage.authClient, // It keeps the token.
    retryOptions: { autoRetry: false },
  });
  return { bucket: storage.bucket(bucket), streams: withoutRetries.bucket(bucket) };
}
