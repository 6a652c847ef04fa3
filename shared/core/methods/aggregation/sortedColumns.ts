// The values of each coordinate in order, as coordinate-wise rules need them.

/**
 * Gives the values of each coordinate in ascending order. The column is the caller's until the next. O(n log
 * n) a coordinate.
 *
 * @param rows of one length, all finite; 0 and -0 are the same.
 */
export function sortedColumns(
  rows: readonly Float32Array[],
  use: (k: number, column: Float64Array) => void,
): void {
  const length = rows[0]?.length ?? 0;
  const column = new Float64Array(rows.length);
  for (let k = 0; k < length; k++) {
    for (let i = 0; i < rows.length; i++) column[i] = (rows[i]?.[k] ?? 0) + 0;
    insertionSort(column);
    use(k, column);
  }
}

/** Beyond so many values the built-in sort is faster. */
const FEW = 48;

function insertionSort(values: Float64Array): void {
  if (values.length > FEW) {
    values.sort();
    return;
  }
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? 0;
    let j = i - 1;
    for (; j >= 0 && (values[j] ?? 0) > value; j--) values[j + 1] = values[j] ?? 0;
    values[j + 1] = value;
  }
}
