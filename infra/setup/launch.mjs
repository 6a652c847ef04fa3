#!/usr/bin/env node
// The door every npm script goes through: sets up what the command needs, then becomes the command.
//   node infra/setup/launch.mjs [--with tensors,data] -- COMMAND ARGS...
// Plain JavaScript without dependencies, so that it runs on Node >= 20 on a fresh clone. What needs the
// installed packages (tensors, data) is TypeScript and runs on the project's own Node: see prepare.ts.
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stopCommandsOnSignal } from "./command.mjs";
import { sentenceOf } from "./faults.mjs";
import { runInForeground } from "./foreground.mjs";
import { withLock } from "./lock.mjs";
import { ensureDependencies } from "./steps/dependencies.mjs";
import { ensureMethods } from "./steps/methods.mjs";
import { projectNode } from "./steps/projectNode.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const usage = "usage: node infra/setup/launch.mjs [--with tensors,data] -- COMMAND ARGS...";

/** Splits the arguments at the first `--`. */
function parse(args) {
  const separator = args.indexOf("--");
  const own = separator < 0 ? args : args.slice(0, separator);
  const [command, ...rest] = separator < 0 ? [] : args.slice(separator + 1);
  if (command === undefined || (own.length > 0 && (own.length !== 2 || own[0] !== "--with"))) {
    throw new Error(usage);
  }
  if (command === "vitest" && /[#?%]/.test(root)) {
    throw new Error(
      `The tests cannot run in ${root}: Vitest loads nothing from a folder with "#", "?" or "%" in its path. ` +
        "Move the clone, or run them in another one; all other commands work here.",
    );
  }
  return { parts: own[1] ?? "", command, rest };
}

/**
 * A script is run by the project's Node; anything else is looked up in PATH, the project's own binaries
 * first.
 */
function runCommand(node, command, args, env) {
  return /\.(ts|mts|js|mjs)$/.test(command)
    ? runInForeground(node, [command, ...args], env)
    : runInForeground(command, args, env);
}

async function main() {
  const { parts, command, rest } = parse(process.argv.slice(2));
  let node = "";
  let env = process.env;
  const prepared = await withLock(join(root, ".cache", "setup.lock"), async () => {
    const restoreSignals = stopCommandsOnSignal();
    await ensureDependencies(root);
    ensureMethods(root);
    node = await projectNode(root);
    restoreSignals();
    const path = [join(root, "node_modules", ".bin"), dirname(node), process.env.PATH ?? ""].join(delimiter);
    // Sources are TypeScript, which Node would otherwise make JavaScript of and compile in every process.
    env = { NODE_COMPILE_CACHE: join(root, ".cache", "compiled"), ...process.env, PATH: path };
    return runInForeground(node, [join(root, "infra", "setup", "prepare.ts"), "--with", parts], env);
  });
  return prepared === 0 ? runCommand(node, command, rest, env) : prepared;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(sentenceOf(error) ?? (error instanceof Error ? error.message : error));
    process.exitCode = 1;
  },
);
