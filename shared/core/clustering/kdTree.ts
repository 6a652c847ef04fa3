// A tree over points in the plane. Each node is a range of the points and the box around them; leaves are
// small.

export interface KdTree {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** The points' indices; a node is the range from its `start` to its `end` (exclusive). */
  readonly order: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  /**
   * A node's first child; the second is `second`. Both 0 in a leaf. Children have higher numbers than their
   * parent.
   */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** The tight box around a node's points, inclusive. */
  readonly minX: Float64Array;
  readonly maxX: Float64Array;
  readonly minY: Float64Array;
  readonly maxY: Float64Array;
  /** How many nodes there are; 0 is the root. */
  readonly nodes: number;
}

const LEAF_SIZE = 16;

/**
 * O(n log n), in halves by rank: the depth is logarithmic whatever the points are. At least one point, all
 * finite.
 */
export function buildKdTree(x: Float64Array, y: Float64Array): KdTree {
  const most = 4 * Math.ceil(x.length / LEAF_SIZE) + 1;
  const order = Int32Array.from(x, (_, i) => i);
  const [start, end, first, second] = [0, 0, 0, 0].map(() => new Int32Array(most)) as FourInts;
  const [minX, maxX, minY, maxY] = [0, 0, 0, 0].map(() => new Float64Array(most)) as FourFloats;
  let nodes = 0;

  const add = (from: number, to: number): number => {
    const node = nodes++;
    start[node] = from;
    end[node] = to;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = from; i < to; i++) {
      const point = order[i] as number;
      const px = x[point] as number;
      const py = y[point] as number;
      if (px < left) left = px;
      if (px > right) right = px;
      if (py < low) low = py;
      if (py > high) high = py;
    }
    minX[node] = left;
    maxX[node] = right;
    minY[node] = low;
    maxY[node] = high;
    if (to - from > LEAF_SIZE) {
      const middle = (from + to) >> 1;
      placeMedian(order, right - left >= high - low ? x : y, from, to - 1, middle);
      first[node] = add(from, middle);
      second[node] = add(middle, to);
    }
    return node;
  };
  add(0, x.length);
  return { x, y, order, start, end, first, second, minX, maxX, minY, maxY, nodes };
}

type FourInts = [Int32Array, Int32Array, Int32Array, Int32Array];
type FourFloats = [Float64Array, Float64Array, Float64Array, Float64Array];

/**
 * Hoare's selection: reorders low..high (inclusive) so that what is below `rank` has no higher key, above it
 * no lower.
 */
function placeMedian(order: Int32Array, keys: Float64Array, low: number, high: number, rank: number): void {
  while (low < high) {
    const pivot = keys[order[(low + high) >> 1] as number] as number;
    let i = low;
    let j = high;
    while (i <= j) {
      while ((keys[order[i] as number] as number) < pivot) i++;
      while ((keys[order[j] as number] as number) > pivot) j--;
      if (i <= j) {
        const swapped = order[i] as number;
        order[i++] = order[j] as number;
        order[j--] = swapped;
      }
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else return;
  }
}
