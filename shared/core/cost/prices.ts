// Price tables. Prices age: each table says when and where its numbers were found, and any other may be
// passed instead.

/** `usd` for every `per` of them, as price lists state it. */
export interface UnitPrice {
  readonly usd: number;
  readonly per: number;
}

/** What is billed by the piece beside the functions' own time. */
export const operationKinds = [
  "firestoreReads",
  "firestoreWrites",
  "firestoreDeletes",
  "tasks",
  "storageClassA",
  "storageClassB",
] as const;
export type OperationKind = (typeof operationKinds)[number];

export interface PriceTable {
  readonly name: string;
  /** When the numbers were written down, ISO 8601: a year, a month or a day. */
  readonly asOf: string;
  readonly source: string;
  /**
   * How a duration is billed. `up-to-100-ms`: rounded up to a multiple of 100 ms.
   * `whole-seconds-plus-100-ms`: cut to whole seconds, plus 100 ms.
   */
  readonly billing: "up-to-100-ms" | "whole-seconds-plus-100-ms";
  /**
   * `vcpu`: by the vCPUs an instance has. `clock`: by the clock rate of the smallest tier that holds its
   * memory.
   */
  readonly cpu:
    | { readonly kind: "vcpu"; readonly usdPerVcpuSecond: number }
    | {
        readonly kind: "clock";
        readonly usdPerGhzSecond: number;
        /** Ascending by memory. */
        readonly tiers: readonly { readonly memoryMib: number; readonly ghz: number }[];
      };
  readonly usdPerGibSecond: number;
  /** Each call of a function. */
  readonly requests: UnitPrice;
  readonly operations: Readonly<Record<OperationKind, UnitPrice>>;
  /** Data that leaves a region for another one, a GiB: from the nearest to the farthest. Absent: not known. */
  readonly egress?: { readonly leastUsdPerGib: number; readonly mostUsdPerGib: number };
}

const free: UnitPrice = { usd: 0, per: 1 };

/**
 * List prices of a 2nd-gen function (billed as Cloud Run, request-based, region tier 1) and of the services
 * beside it in us-central1, for usage beyond the free tier. Traffic within a region is free; stored bytes are
 * not counted, and what runs record has no egress in it.
 */
const cloudRun2026: PriceTable = {
  name: "cloud-run-2026",
  asOf: "2026-11",
  source:
    "https://cloud.google.com/run/pricing (services, request-based, tier 1), https://cloud.google.com/firestore/pricing " +
    "(Standard, us-central1), https://cloud.google.com/tasks/pricing, https://cloud.google.com/storage/pricing (Standard, region)",
  billing: "up-to-100-ms",
  cpu: { kind: "vcpu", usdPerVcpuSecond: 0.000024 },
  usdPerGibSecond: 0.0000025,
  requests: { usd: 0.4, per: 1_000_000 },
  operations: {
    firestoreReads: { usd: 0.03, per: 100_000 },
    firestoreWrites: { usd: 0.09, per: 100_000 },
    firestoreDeletes: { usd: 0.01, per: 100_000 },
    tasks: { usd: 0.4, per: 1_000_000 },
    storageClassA: { usd: 0.005, per: 1_000 },
    storageClassB: { usd: 0.0004, per: 1_000 },
  },
  egress: { leastUsdPerGib: 0.02, mostUsdPerGib: 0.14 },
};

/**
 * What the FedLesScan authors charged: prices of 1st-gen functions, for calls only. To compare with their
 * tables; their unusual rounding is kept.
 */
const fedlesscan2022: PriceTable = {
  name: "fedlesscan-2022",
  asOf: "2022",
  source: "experiment/plots/cost.py of github.com/Serverless-Federated-Learning/FedLesScan",
  billing: "whole-seconds-plus-100-ms",
  cpu: {
    kind: "clock",
    usdPerGhzSecond: 0.00001,
    tiers: [
      { memoryMib: 512, ghz: 0.8 },
      { memoryMib: 2_048, ghz: 2.4 },
      { memoryMib: 4_096, ghz: 4.8 },
      { memoryMib: 8_192, ghz: 4.8 },
    ],
  },
  usdPerGibSecond: 0.0000025,
  requests: { usd: 0.4, per: 1_000_000 },
  operations: {
    firestoreReads: free,
    firestoreWrites: free,
    firestoreDeletes: free,
    tasks: free,
    storageClassA: free,
    storageClassB: free,
  },
};

export const priceTables = {
  "cloud-run-2026": cloudRun2026,
  "fedlesscan-2022": fedlesscan2022,
} satisfies Record<string, PriceTable>;
