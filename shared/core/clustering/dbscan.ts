// DBSCAN in the plane: Ester, Kriegel, Sander & Xu, "A density-based algorithm for discovering clusters",
// 1996.
import { FlError } from "../errors.ts";
import { buildKdTree, type KdTree } from "./kdTree.ts";

/** The label of points that belong to no cluster. */
export const NOISE = -1;

/**
 * The clusters of points with coordinates `x` and `y`, as scikit-learn labels them. A core point has at least
 * `minSamples` points, itself included, at a distance of at most `eps`. Clusters are numbered from 0 in the
 * order of their first core points; a point in reach of several clusters' core points joins the first of
 * them; others are -1.
 *
 * About O(n log n), also where `eps` spans all points. @throws FlError("invalid-argument").
 */
export function dbscan(x: Float64Array, y: Float64Array, eps: number, minSamples: number): Int32Array {
  const clusters = new GrowingClusters(x, y, minSamples);
  clusters.grow(eps);
  return clusters.labels();
}

/**
 * DBSCAN of the same points for one growing `eps` after the other. What is one cluster stays together as
 * `eps` grows, so each step only looks where clusters may still touch.
 *
 * Exact: boxes are compared with the arithmetic of points, and rounding is monotonic, so a box never promises
 * or rules out what its points would not.
 */
export class GrowingClusters {
  readonly #tree: KdTree;
  readonly #minSamples: number;
  #reach = 0;
  readonly #isCore: Uint8Array;
  /** Nodes still to visit; kept, since it is needed for every point. */
  readonly #open: number[] = [];
  /** Union-find over core points; the root is the lowest index. */
  readonly #parent: Int32Array;
  /** For each node whose points are core points of a single cluster, one of them; else -1. */
  readonly #member: Int32Array;

  constructor(x: Float64Array, y: Float64Array, minSamples: number) {
    if (x.length !== y.length || !x.every(Number.isFinite) || !y.every(Number.isFinite)) {
      throw new FlError("invalid-argument", "Points need two finite coordinates each.");
    }
    if (!Number.isInteger(minSamples) || minSamples < 1) {
      throw new FlError(
        "invalid-argument",
        `minSamples must be an integer of at least 1, not ${minSamples}.`,
      );
    }
    this.#tree = buildKdTree(x, y);
    this.#minSamples = minSamples;
    this.#isCore = new Uint8Array(x.length);
    this.#parent = Int32Array.from(x, (_, i) => i);
    this.#member = new Int32Array(this.#tree.nodes).fill(-1);
  }

  /** @param eps positive, and no smaller than in the step before. */
  grow(eps: number): void {
    const reach = eps * eps;
    if (!(eps > 0 && eps < Infinity && reach >= this.#reach)) {
      throw new FlError("invalid-argument", `eps must be positive and grow; ${eps} does not.`);
    }
    this.#reach = reach;
    this.#markCores();
    this.#join(0, 0);
  }

  /** The labels at the present `eps`, for each point in its order. */
  labels(): Int32Array {
    const labels = new Int32Array(this.#isCore.length).fill(NOISE);
    let clusters = 0;
    for (let i = 0; i < labels.length; i++) {
      if (this.#isCore[i] === 0) continue;
      const root = this.#find(i);
      labels[i] = root === i ? clusters++ : (labels[root] as number);
    }
    // With up to two samples every point that has a neighbour is a core point itself.
    if (this.#minSamples > 2) {
      for (let i = 0; i < labels.length; i++) {
        if (this.#isCore[i] === 0) labels[i] = this.#firstClusterInReach(i, labels);
      }
    }
    return labels;
  }

  #markCores(): void {
    const { nodes, first, start, end, order } = this.#tree;
    for (let node = 0; node < nodes; node++) {
      if (first[node] !== 0 || (this.#member[node] as number) >= 0) continue;
      const from = start[node] as number;
      const to = end[node] as number;
      const dense = to - from >= this.#minSamples && this.#span(node, node) <= this.#reach;
      for (let i = from; i < to; i++) {
        const point = order[i] as number;
        if (this.#isCore[point] === 0 && (dense || this.#hasNeighbours(point))) this.#isCore[point] = 1;
      }
    }
  }

  /** Whether at least `minSamples` points, itself included, are in reach. */
  #hasNeighbours(point: number): boolean {
    let found = 0;
    this.#visitInReach(point, () => ++found < this.#minSamples);
    return found >= this.#minSamples;
  }

  #firstClusterInReach(point: number, labels: Int32Array): number {
    let lowest = Infinity;
    this.#visitInReach(point, (other) => {
      if (this.#isCore[other] === 1) lowest = Math.min(lowest, labels[other] as number);
      return true;
    });
    return lowest === Infinity ? NOISE : lowest;
  }

  /** Every point in reach, itself included, until `visit` answers false. */
  #visitInReach(point: number, visit: (other: number) => boolean): void {
    const { x, y, order, start, end, first, second, minX, maxX, minY, maxY } = this.#tree;
    const px = x[point] as number;
    const py = y[point] as number;
    const open = this.#open;
    open.length = 0;
    open.push(0);
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const dx = gap(minX[node] as number, maxX[node] as number, px, px);
      const dy = gap(minY[node] as number, maxY[node] as number, py, py);
      if (dx * dx + dy * dy > this.#reach) continue;
      if (first[node] !== 0) {
        open.push(first[node] as number, second[node] as number);
        continue;
      }
      for (let i = start[node] as number; i < (end[node] as number); i++) {
        const other = order[i] as number;
        const ox = (x[other] as number) - px;
        const oy = (y[other] as number) - py;
        if (ox * ox + oy * oy <= this.#reach && !visit(other)) return;
      }
    }
  }

  /** Unites all core points of the two nodes' points that are in each other's reach. */
  #join(a: number, b: number): void {
    const { first, second, start, end, minX, maxX, minY, maxY } = this.#tree;
    const member = this.#member;
    const inA = member[a] as number;
    const inB = member[b] as number;
    if (inA >= 0 && inB >= 0 && (a === b || this.#find(inA) === this.#find(inB))) return;
    const dx = gap(minX[a] as number, maxX[a] as number, minX[b] as number, maxX[b] as number);
    const dy = gap(minY[a] as number, maxY[a] as number, minY[b] as number, maxY[b] as number);
    if (dx * dx + dy * dy > this.#reach) return;
    const sizeA = (end[a] as number) - (start[a] as number);
    const sizeB = (end[b] as number) - (start[b] as number);
    const size = a === b ? sizeA : sizeA + sizeB;
    if (size >= this.#minSamples && this.#span(a, b) <= this.#reach) {
      this.#unite(this.#uniteAll(a), this.#uniteAll(b));
    } else if (first[a] === 0 && first[b] === 0) {
      this.#joinPoints(a, b);
    } else if (a === b) {
      const left = first[a] as number;
      const right = second[a] as number;
      this.#join(left, left);
      this.#join(right, right);
      this.#join(left, right);
    } else {
      const splitA = first[b] === 0 || (first[a] !== 0 && sizeA > sizeB);
      const whole = splitA ? b : a;
      const split = splitA ? a : b;
      const left = first[split] as number;
      const right = second[split] as number;
      const inSplit = member[split] as number;
      if (inSplit >= 0) member[left] = member[right] = inSplit;
      this.#join(whole, left);
      this.#join(whole, right);
    }
    this.#note(a);
    if (a !== b) this.#note(b);
  }

  /** Compares the points of two leaves, where they may touch and are not known to be together. */
  #joinPoints(a: number, b: number): void {
    const { x, y, order, start, end, minX, maxX, minY, maxY } = this.#tree;
    const inB = this.#member[b] as number;
    for (let i = start[a] as number; i < (end[a] as number); i++) {
      const p = order[i] as number;
      if (this.#isCore[p] === 0) continue;
      const px = x[p] as number;
      const py = y[p] as number;
      const outX = gap(minX[b] as number, maxX[b] as number, px, px);
      const outY = gap(minY[b] as number, maxY[b] as number, py, py);
      if (outX * outX + outY * outY > this.#reach) continue;
      if (inB >= 0 && this.#find(p) === this.#find(inB)) continue;
      for (let j = start[b] as number; j < (end[b] as number); j++) {
        const q = order[j] as number;
        if (this.#isCore[q] === 0) continue;
        const dx = px - (x[q] as number);
        const dy = py - (y[q] as number);
        if (dx * dx + dy * dy > this.#reach) continue;
        this.#unite(p, q);
        if (inB >= 0) break;
      }
    }
  }

  /** All points of a node, in reach of each other, become one cluster; returns one of them. */
  #uniteAll(node: number): number {
    const known = this.#member[node] as number;
    if (known >= 0) return known;
    const { order, start, end } = this.#tree;
    const one = order[start[node] as number] as number;
    for (let i = (start[node] as number) + 1; i < (end[node] as number); i++) {
      this.#unite(one, order[i] as number);
    }
    this.#member[node] = one;
    return one;
  }

  /** Notes whether a node's points are one cluster by now, so that nothing looks into it any more. */
  #note(node: number): void {
    const { order, start, end, first, second } = this.#tree;
    const member = this.#member;
    if ((member[node] as number) >= 0) return;
    if (first[node] !== 0) {
      const left = member[first[node] as number] as number;
      const right = member[second[node] as number] as number;
      if (left >= 0 && right >= 0 && this.#find(left) === this.#find(right)) member[node] = left;
      return;
    }
    const one = order[start[node] as number] as number;
    const root = this.#find(one);
    for (let i = start[node] as number; i < (end[node] as number); i++) {
      const point = order[i] as number;
      if (this.#isCore[point] === 0 || this.#find(point) !== root) return;
    }
    member[node] = one;
  }

  /** The squared diagonal of the box around two nodes. */
  #span(a: number, b: number): number {
    const { minX, maxX, minY, maxY } = this.#tree;
    const dx =
      Math.max(maxX[a] as number, maxX[b] as number) - Math.min(minX[a] as number, minX[b] as number);
    const dy =
      Math.max(maxY[a] as number, maxY[b] as number) - Math.min(minY[a] as number, minY[b] as number);
    return dx * dx + dy * dy;
  }

  #find(point: number): number {
    const parent = this.#parent;
    let one = point;
    for (let up = parent[one] as number; up !== one; up = parent[one] as number) {
      const above = parent[up] as number;
      parent[one] = above;
      one = above;
    }
    return one;
  }

  #unite(p: number, q: number): void {
    const a = this.#find(p);
    const b = this.#find(q);
    if (a < b) this.#parent[b] = a;
    else this.#parent[a] = b;
  }
}

/** The distance between two intervals; 0 where they touch or overlap. */
function gap(lowA: number, highA: number, lowB: number, highB: number): number {
  return Math.max(0, lowA - highB, lowB - highA);
}
