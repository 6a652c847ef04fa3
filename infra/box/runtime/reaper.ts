// A program of its own that outlives the runtime by a moment: it knows every instance, and when the runtime
// is gone (also by SIGKILL, also with instances that are stopped or busy) it kills them and removes their
// folder. Started by startReaper.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

const folder = process.argv[2];
const groups = new Set<number>();

// A signal meant for the runtime must not take its reaper away first.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) groups.add(pid);
  else groups.delete(pid);
}
for (const pid of groups) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group had ended by itself.
  }
}
if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
