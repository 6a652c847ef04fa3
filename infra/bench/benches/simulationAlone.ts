// One simulation in a process of its own, reported to the parent with its peak memory.
import { simulateCell } from "../../sim/cell.ts";
import { type Fleet, simulatedCell } from "./simulation.ts";

const cell = await simulatedCell(JSON.parse(process.argv[2] ?? "") as Fleet);
const startedMs = performance.now();
await simulateCell(cell);
const seconds = (performance.now() - startedMs) / 1_000;
process.send?.({ seconds, peakRssBytes: process.resourceUsage().maxRSS * 1_024 });
