// The conformance suite against the plain client, and which cases are to fail with which of its faults.
import { type Result, testClient } from "../../infra/conformance/conformance.ts";
import { type Flaw, startPlainClient } from "./plainClient.ts";

export async function conformanceOf(
  flaw?: Flaw,
  only?: readonly string[],
  more: object = {},
): Promise<readonly Result[]> {
  const client = await startPlainClient(flaw);
  try {
    return await testClient({
      clientUrl: client.url,
      port: 0,
      only,
      onReady: async (env) => client.connect(env),
      ...more,
    });
  } finally {
    await client.stop();
  }
}

export function failedOf(results: readonly Result[]): readonly string[] {
  return results
    .filter(({ verdict }) => verdict === "fail")
    .map(({ name }) => name)
    .toSorted();
}

/** Faults, each with exactly those cases that fail because of it, of those that take no time. */
export const FLAWS: Readonly<Partial<Record<Flaw, readonly string[]>>> = {
  "accepts headers": ["strange-headers"],
  "believes any signature": ["callers"],
  "breaks off checks": ["check", "check-busy", "check-problem", "check-run"],
  "claims rounds in checks": ["check", "check-busy", "check-problem", "check-run"],
  "ends where its token is refused": ["not-accepted"],
  "gives up reading": ["download-busy"],
  "gives up where answers are lost": ["claim-cut-off", "report-cut-off"],
  "gives up writing": ["upload-busy", "upload-lost"],
  "reports no bytes": ["report"],
  "reports no steps": ["report"],
  "reports what is refused again": ["report-refused"],
  "says nothing of its samples": ["check", "check-problem"],
  "scores another version": ["evaluation"],
  "turns others away": ["together"],
  "changes nothing": ["covers", "difference"],
  "follows links": ["foreign-model", "foreign-upload", "redirect"],
  "forgets its state": ["local"],
  "has no /warm": ["warm"],
  hurries: ["claim-busy"],
  "ignores covers": ["covers", "other-covers"],
  "ignores encodings": ["encoding-f16", "encoding-int8"],
  "ignores transforms": ["clip"],
  "ignores versionState": ["version-state"],
  "is strict about keys": ["unknown-keys"],
  "lies about times": ["report"],
  "minds receipts": ["receipt-expired", "receipt-failed", "receipt-ignored", "receipt-late"],
  "misreports bytes": ["checksum"],
  "names another version": ["base-version"],
  "repeats what it read": ["check-problem", "damaged-model", "other-model"],
  "scores what it trains on": ["evaluation"],
  "sends frozen parameters": ["roles"],
  "sends moves of statistics": ["roles"],
  "sends its token": ["identity"],
  "sends weights": ["difference"],
  "takes 412 for a failure": ["upload-lost"],
  "takes an expired link for a failure": ["expired-link"],
  "takes any data name": ["data-name"],
  "takes anyone": ["callers"],
  "tells its stack": ["damaged-model", "other-model"],
  "trains nothing in checks": ["check-run"],
  "trains on anything": ["check-problem", "damaged-model", "truncated-model", "other-model"],
  "works when refused": ["check-over", "not-ours", "over", "twice", "unknown"],
};

/** Faults with which most cases fail; these are the ones that look for them. */
export const BROAD_FLAWS: Readonly<Partial<Record<Flaw, readonly string[]>>> = {
  "claims for another": ["claim", "task"],
  "drops headers": ["links", "task"],
  "gives up": ["check-busy", "claim-busy", "download-busy", "report-busy", "upload-busy"],
  "leaves out a parameter": ["update"],
  "keeps its first model": ["base-version"],
  "reports first": ["order"],
  "writes unknown keys": ["claim", "task"],
};

/** Faults that take their time to show. */
export const SLOW_FLAWS: Readonly<Partial<Record<Flaw, readonly string[]>>> = {
  insists: ["check-over", "over", "not-ours", "unknown", "not-accepted", "report-refused"],
  "is late": ["deadline"],
  "never gives up": ["no-storm"],
  storms: ["no-storm"],
};
