// Runs the commands of set-up: bounded in time, their output kept for the log, their whole process tree
// stopped on a signal.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const active = new Set();
const keptLines = 400;

/**
 * Runs a command and collects its output; never throws. Its processes form a group of their own, which is
 * killed at `timeoutMs` or when this process gets a signal to stop.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs: number, onLine?: (line: string) => void }}
 *   options
 * @returns {Promise<{ ok: boolean, reason: string, output: string }>} `reason` is "" when ok
 */
export function runCommand(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    active.add(child);
    const lines = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killTree(child);
    }, options.timeoutMs);
    const collect = (stream) => {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        const parts = (rest + text).split(/\r?\n|\r/);
        rest = parts.pop() ?? "";
        for (const line of parts) keep(line);
      });
      stream.on("end", () => keep(rest));
    };
    const keep = (line) => {
      if (line.trim() === "") return;
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      options.onLine?.(line);
    };
    const finish = (reason) => {
      clearTimeout(timer);
      active.delete(child);
      resolve({ ok: reason === "", reason, output: lines.join("\n") });
    };
    collect(child.stdout);
    collect(child.stderr);
    child.on("error", (error) => finish(`${command}: ${error.message}`));
    child.on("close", (code, signal) => {
      if (timedOut) finish(`${command} was stopped after ${Math.round(options.timeoutMs / 1000)} s`);
      else if (code === 0) finish("");
      else finish(`${command} ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}

/**
 * From now on SIGINT, SIGTERM and SIGHUP kill every running command and end this process.
 *
 * @returns {() => void} puts the former behaviour back
 */
export function stopCommandsOnSignal() {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const stop = (signal) => {
    for (const child of active) killTree(child);
    console.error("\nSet-up was interrupted; run this again and it goes on.");
    process.exit(128 + (constants.signals[signal] ?? 0));
  };
  for (const signal of signals) process.on(signal, stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}

function killTree(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error; // ESRCH: it ended by itself in the meantime.
  }
}
