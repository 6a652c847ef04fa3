// Lets one set-up at a time into a working tree: `npm ci` empties node_modules, which must not happen under
// another one.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isReadOnly } from "./writable.mjs";

const pollMs = 300;

/**
 * Does the work while holding the lock file; waits for a living holder, takes over from a dead one. Where the
 * file may not be written, no set-up may change the working tree either: the work is done without it.
 *
 * @template T
 * @param {string} path the lock file; it holds the holder's process id
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  let said = false;
  for (;;) {
    const taken = take(path);
    if (taken === "read-only") return work();
    if (taken) break;
    const holder = holderOf(path);
    if (holder === undefined || !isAlive(holder)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!said) console.error(`Waiting for another set-up of this folder to end (process ${holder}).`);
    said = true;
    await sleep(pollMs);
  }
  const release = () => rmSync(path, { force: true });
  process.on("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/** A link appears whole or not at all, so a lock file is never read without its holder. */
function take(path) {
  const own = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(own, String(process.pid));
  } catch (error) {
    if (isReadOnly(error)) return "read-only";
    throw error;
  }
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function holderOf(path) {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (error.code === "ENOENT") return undefined; // Released in the meantime.
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
