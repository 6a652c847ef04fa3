// The lifecycle that every part of the local cloud has: it starts, says that it is ready, and stops leaving
// nothing behind.

/**
 * A running part of the local cloud. `stop` is idempotent and resolves when its ports and processes are gone.
 */
export interface Service {
  /** What it is, in the words of the product: "firestore", "storage", "tasks", "metadata", "functions". */
  readonly name: string;
  /** Where it listens, as `host:port`. */
  readonly address: string;
  /** The environment variables a client process needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
