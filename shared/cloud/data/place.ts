// Where a data set is, and what its reading may take.

export interface DataPlace {
  /** A file, a folder, a pattern with `*`, or a prefix in a bucket. */
  readonly address: string;
  /** The address of the features file; absent for arrays named x and y. */
  readonly features?: string | undefined;
}

export interface ReadLimits {
  readonly memoryMib?: number | undefined;
  /** Whether what does not fit into memory may be read again and again. */
  readonly mayStream: boolean;
}
