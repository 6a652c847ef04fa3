// Runs the command a person asked for in the foreground: its terminal, its signals, its exit code.
import { spawn } from "node:child_process";
import { constants } from "node:os";

/**
 * Runs a command with this process's terminal and resolves to its exit code (128 + n when signal n ended it).
 * SIGTERM and SIGHUP are passed on. So is SIGINT, unless standard input is a terminal: there Ctrl-C reaches
 * the command by itself, and a second one would mean "give up at once".
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export function runInForeground(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env });
    const passOn = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, passOn);
    const release = () => {
      for (const signal of signals) process.off(signal, passOn);
    };
    child.on("error", (error) => {
      release();
      reject(new Error(`Cannot run "${command}": ${error.message}`));
    });
    child.on("exit", (code, signal) => {
      release();
      if (signals.includes(signal)) console.error("Interrupted."); // Before the command could say so itself.
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
