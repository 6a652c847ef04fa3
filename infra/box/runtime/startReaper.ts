// Starts the reaper, so that no instance outlives the runtime, however that ends.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Reaper {
  /** From now on this process group dies with the runtime. */
  guard(pid: number): void;
  /** The group has ended; its number may soon belong to another process. */
  release(pid: number): void;
  /** Kills what is still guarded, removes the folder, and resolves when the reaper has gone. */
  stop(): Promise<void>;
}

/** @param folder removed when the runtime ends. */
export function startReaper(folder: string): Reaper {
  const guarded = new Set<number>();
  let stopping = false;
  let child = spawnReaper(folder, onExit);

  function onExit(): void {
    if (stopping) return;
    child = spawnReaper(folder, onExit);
    for (const pid of guarded) child.stdin?.write(`+${pid}\n`);
  }

  return {
    guard: (pid) => {
      guarded.add(pid);
      child.stdin?.write(`+${pid}\n`);
    },
    release: (pid) => {
      guarded.delete(pid);
      child.stdin?.write(`-${pid}\n`);
    },
    stop: async () => {
      if (stopping) return;
      stopping = true;
      const exited = once(child, "exit");
      child.stdin?.end();
      await exited;
    },
  };
}

function spawnReaper(folder: string, onExit: () => void): ChildProcess {
  const program = fileURLToPath(new URL("./reaper.ts", import.meta.url));
  // In a session of its own, so that Ctrl-C in the terminal reaches only the runtime.
  const child = spawn(process.execPath, [program, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.on("exit", onExit);
  child.stdin?.on("error", () => {}); // It has gone: its successor gets everything again.
  return child;
}
