// What a thread of the simulator's pool does: one cell after the other.
export { simulateCell as default } from "./cell.ts";
