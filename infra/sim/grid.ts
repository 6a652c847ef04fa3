// Computes the cells of a grid, in this thread or in several; the results are the same and come in the order
// of the cells.
import { Tinypool } from "tinypool";
import { type Cell, type CellResult, simulateCell } from "./cell.ts";

/**
 * @param onDone called after each cell, in whatever order they end.
 * @throws the first error of a cell.
 */
export async function simulateGrid(
  cells: readonly Cell[],
  workers: number,
  onDone: () => void,
): Promise<readonly CellResult[]> {
  if (workers === 1 || cells.length < 2) {
    const results: CellResult[] = [];
    for (const cell of cells) {
      results.push(await simulateCell(cell));
      onDone();
    }
    return results;
  }
  const threads = Math.min(workers, cells.length);
  const pool = new Tinypool({
    filename: new URL("./worker.ts", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  });
  try {
    return await Promise.all(
      cells.map(async (cell) => {
        const result: CellResult = await pool.run(cell);
        onDone();
        return result;
      }),
    );
  } finally {
    await pool.destroy();
  }
}
