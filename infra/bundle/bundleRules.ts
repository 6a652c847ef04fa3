// What a function's bundle may hold: the size of our own code, the packages that it must never load, and
// those that may load at its start.
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import { nameOf } from "./manifest.ts";

/** What is known of one built bundle. */
export interface BundleFacts {
  /** Our own code, without source maps. */
  readonly sizeBytes: number;
  /** Of it, what the first request has loaded before any route's own. */
  readonly firstBytes: number;
  /** Every npm package that it imports and that is not part of it. */
  readonly packages: readonly string[];
  /** Where the packages lie that are part of it, such as `node_modules/zod`. */
  readonly bundled: readonly string[];
  /** Those that load with the entry, before any request, also where they are part of the bundle. */
  readonly eagerPackages: readonly string[];
}

interface BundleRule {
  /** Of all our own code, inclusive. */
  readonly maxKib: number;
  /** Of what the first request loads, which is the cold start; inclusive. */
  readonly maxFirstKib: number;
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
  // A tenth are the examples of its description, which load with that.
  api: { maxKib: 472, maxFirstKib: 368, forbidden: tensors },
  coordinator: { maxKib: 472, maxFirstKib: 452, forbidden: tensors },
  aggregator: { maxKib: 396, maxFirstKib: 388, forbidden: tensors },
  evaluator: { maxKib: 580, maxFirstKib: 320, forbidden: [] },
  client: { maxKib: 480, maxFirstKib: 212, forbidden: googleClients },
};

/** What is imported before the first request is the cold start. */
const allowedAtStart = ["@google-cloud/functions-framework", "zod"];

/** The rules that a bundle breaks, in words; empty when it breaks none. */
export function bundleProblems(name: FunctionName, facts: BundleFacts): readonly string[] {
  const { maxKib, maxFirstKib, forbidden } = bundleRules[name];
  const { sizeBytes, firstBytes } = facts;
  const tooLarge =
    sizeBytes > maxKib * 1024
      ? [`${name}: ${sizeBytes} bytes of our own code, more than its budget of ${maxKib} KiB`]
      : [];
  const slow =
    firstBytes > maxFirstKib * 1024
      ? [
          `${name}: its first request loads ${firstBytes} bytes of our own code, more than its budget of ${maxFirstKib} KiB; load what only some requests need with await import()`,
        ]
      : [];
  const used = new Set([...facts.packages, ...facts.bundled.map(nameOf)]);
  const barred = [...used]
    .filter((one) => forbidden.some((start) => one.startsWith(start)))
    .map((one) => `${name}: imports ${one}, which this function must not use`);
  const early = facts.eagerPackages
    .filter((one) => !allowedAtStart.includes(one))
    .map((one) => `${name}: loads ${one} at its start; load it with await import() when it is needed`);
  return [...tooLarge, ...slow, ...barred, ...early];
}
