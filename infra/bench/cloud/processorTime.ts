// The processor time of the local cloud's functions, as the kernel counts it.
import { readdirSync, readFileSync } from "node:fs";

/** Of a tick; Linux shows them so on every machine. */
const TICK_MS = 10;

/**
 * What the running processes of a function, children of this one, have taken of the processor so far, in ms;
 * not a number on systems other than Linux.
 */
export function processorMs(functionName: string): number {
  if (process.platform !== "linux") return Number.NaN;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => taken(pid, functionName))
    .reduce((sum, ms) => sum + ms, 0);
}

function taken(pid: string, functionName: string): number {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (!args.includes(`--target=${functionName}`)) return 0;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // From the third field on: the second is a name, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
    return parent === process.pid ? (Number(user) + Number(system)) * TICK_MS : 0;
  } catch {
    return 0; // It has ended meanwhile.
  }
}
