// Types of progress.mjs, which is plain JavaScript because it also runs before TypeScript can.
export type Show = (detail: string) => void;
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}
export function showStep<T>(
  title: string,
  work: (show: Show) => Promise<T>,
  describe?: (result: T) => string,
  out?: ProgressOutput,
): Promise<T>;
