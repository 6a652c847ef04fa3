// The ways in which rows are spread over clients.

/** The natural one, by a column, is the one that real federations have. */
export const SPLITS = ["column", "iid", "dirichlet", "shards", "pathological", "size"] as const;
export type SplitKind = (typeof SPLITS)[number];
