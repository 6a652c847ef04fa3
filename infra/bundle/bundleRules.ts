// What a function's bundle may hold: the size of our own code, the packages that it must never load, and
// those that may load at its start.
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import { nameOf } from "./manifest.ts";

/** What is known of one built bundle. */
export interface BundleFacts {
  /** Our own code, without source maps. */
  readonly sizeBytes: number;
  /** Every npm package that it imports and that is not part of it. */
  readonly packages: readonly string[];
  /** Where the packages lie that are part of it, such as `node_modules/zod`. */
  readonly bundled: readonly string[];
  /** Those that load with the entry, before any request, also where they are part of the bundle. */
  readonly eagerPackages: readonly string[];
}

interface BundleRule {
  /** Inclusive. */
  readonly maxKib: number;
  /** Packages by the beginning of their names, in the bundle or beside it. */
  readonly forbidden: readonly string[];
}

const tensors = ["@tensorflow/"];
/**
 * The client's rights are its identity and signed links; a Google client in its bundle would be a mistake or
 * a leak.
 */
const googleClients = [
  "@google-cloud/firestore",
  "@google-cloud/storage",
  "@google-cloud/tasks",
  "google-auth-library",
  "google-gax",
  "@grpc/",
];

export const bundleRules: Readonly<Record<FunctionName, BundleRule>> = {
  api: { maxKib: 344, forbidden: tensors },
  coordinator: { maxKib: 384, forbidden: tensors },
  aggregator: { maxKib: 332, forbidden: tensors },
  evaluator: { maxKib: 512, forbidden: [] },
  client: { maxKib: 432, forbidden: googleClients },
};

/** What is imported before the first request is the cold start. */
const allowedAtStart = ["@google-cloud/functions-framework", "zod"];

/** The rules that a bundle breaks, in words; empty when it breaks none. */
export function bundleProblems(name: FunctionName, facts: BundleFacts): readonly string[] {
  const { maxKib, forbidden } = bundleRules[name];
  const tooLarge =
    facts.sizeBytes > maxKib * 1024
      ? [`${name}: ${facts.sizeBytes} bytes of our own code, more than its budget of ${maxKib} KiB`]
      : [];
  const used = new Set([...facts.packages, ...facts.bundled.map(nameOf)]);
  const barred = [...used]
    .filter((one) => forbidden.some((start) => one.startsWith(start)))
    .map((one) => `${name}: imports ${one}, which this function must not use`);
  const early = facts.eagerPackages
    .filter((one) => !allowedAtStart.includes(one))
    .map((one) => `${name}: loads ${one} at its start; load it with await import() when it is needed`);
  return [...tooLarge, ...barred, ...early];
}
