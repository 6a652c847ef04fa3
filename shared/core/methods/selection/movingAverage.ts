// The one average by which durations and misses are remembered.

/** The exponential moving average, oldest value first and taken as the start; 0 of none. */
export function movingAverage(values: readonly number[], weightOfNewest: number): number {
  let average = values[0] ?? 0;
  for (let i = 1; i < values.length; i++) {
    average = (1 - weightOfNewest) * average + weightOfNewest * (values[i] as number);
  }
  return average;
}
