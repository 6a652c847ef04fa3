// The memory of a process, looked at again and again: the region ends an instance that takes more than its
// function has.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const MIB = 2 ** 20;
const run = promisify(execFile);

export interface MemoryWatch {
  readonly pid: number;
  readonly limitMib: number;
  /** Between two looks; what grows and shrinks again in between is not seen. */
  readonly everyMs: number;
  /** Called once, with what it takes. */
  readonly onExceeded: (usedMib: number) => void;
}

/** Looks until it is exceeded, the process is gone, or the function returned is called. */
export function watchMemory({ pid, limitMib, everyMs, onExceeded }: MemoryWatch): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const end = () => {
    isOver = true;
    clearTimeout(timer);
  };
  const look = async () => {
    const usedBytes = await residentBytes(pid);
    if (isOver) return;
    if (usedBytes === null) return end();
    if (usedBytes <= limitMib * MIB) {
      timer = setTimeout(look, everyMs).unref();
      return;
    }
    end();
    onExceeded(usedBytes / MIB);
  };
  timer = setTimeout(look, everyMs).unref();
  return end;
}

/** What the region writes into the log of an instance that it ends. */
export function exceededLine(limitMib: number, usedMib: number): string {
  return (
    `Memory limit of ${limitMib} MiB exceeded with ${Math.ceil(usedMib)} MiB used. Consider increasing the memory limit, see ` +
    "https://cloud.google.com/functions/docs/configuring/memory"
  );
}

/** The resident set of a process; null when it is gone, or this system does not report it. */
async function residentBytes(pid: number): Promise<number | null> {
  try {
    if (process.platform === "linux") {
      // Of the kernel's memory: sooner read than handed to a thread.
      const status = readFileSync(`/proc/${pid}/status`, "latin1");
      const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
      // A process that has ended and was not collected has none.
      return kib === undefined ? null : Number(kib) * 1_024;
    }
    const { stdout } = await run("ps", ["-o", "rss=", "-p", String(pid)]);
    const kib = Number.parseInt(stdout, 10);
    return Number.isNaN(kib) ? null : kib * 1_024;
  } catch {
    return null;
  }
}
