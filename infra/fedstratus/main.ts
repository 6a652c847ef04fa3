#!/usr/bin/env node
// `fedstratus`: the product's command line.
import { homedir } from "node:os";
import { setTimeout as timer } from "node:timers/promises";
import { guardProcess } from "../cli/guardProcess.ts";
import { interruption } from "../cli/interruption.ts";
import { launcher } from "./frame/launch.ts";
import { runProgram } from "./frame/runProgram.ts";

guardProcess();
const code = await runProgram(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  platform: process.platform,
  nowMs: Date.now,
  sleep: async (ms, signal) => {
    await timer(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
  launch: launcher(),
  interruption,
});
// Connections that are kept open would keep a process that is done.
process.exitCode = code;
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
