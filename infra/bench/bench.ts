// What a bench is: a name and something that measures. Adding one is a file in benches/ and a row in
// benches.ts.

/** One measured number. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** As short as "ms", "GB/s" or "x". */
  readonly unit: string;
  /** What it should be at most or at least, inclusive. */
  readonly aim?: { readonly most: number } | { readonly least: number };
  /** What it was measured on, or compares with, where the name cannot say it. */
  readonly note?: string;
}

export interface BenchContext {
  /** Shows progress while the bench runs. */
  readonly show: (progress: string) => void;
  /** Ends with the process: whatever was started stops. */
  readonly signal: AbortSignal;
  /** What is measured beside us in the same call, where a bench can; null: nothing. */
  readonly peer: Peer | null;
}

/** Other systems that can be measured beside us. */
export const PEERS = ["keras"] as const;
export type Peer = (typeof PEERS)[number];

export interface Bench {
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** Whether the figure is what it should be; null without an aim. */
export function meetsAim({ value, aim }: Figure): boolean | null {
  if (aim === undefined) return null;
  return "most" in aim ? value <= aim.most : value >= aim.least;
}
