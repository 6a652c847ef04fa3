// What one check of `fedstratus doctor` finds.

/** A check that fails throws its error in its place. */
export interface Finding {
  readonly verdict?: "warning";
  readonly detail: string;
  readonly remedy?: string;
}
