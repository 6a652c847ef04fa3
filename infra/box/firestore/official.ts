// Starts the official emulator of the Google Cloud SDK: Java directly, without gcloud and its tree of
// processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FlError } from "../../../shared/core/errors.ts";
import type { Service } from "../service.ts";
import type { OfficialEmulator } from "./findOfficial.ts";
import { freePort, host } from "./freePort.ts";

const mainClass = "com.google.cloud.datastore.emulator.firestore.CloudFirestore";
const startTimeoutMs = 60_000;
const pollMs = 25;
/** Longer than writing an archive of classes takes, which happens once. */
const stopGraceMs = 15_000;
const keptOutputChars = 8_000;
const portTaken = "Address already in use";
/**
 * Java takes seconds to listen: by then anybody may have been given a port that was free, as the end of some
 * connection.
 */
const mostPorts = 3;

/**
 * Runs Java as a child, and kills it when standard input closes: which it does when this process ends,
 * however it ends. SIGTERM to the group ends Java in its own time, which interrupts the first `wait` and is
 * awaited by the second.
 */
const guardScript = `
exec 3<&0
"$@" </dev/null 3<&- &
java=$!
( read -r _ <&3; kill -KILL "$java" ) &
guard=$!
trap : TERM
wait "$java"
wait "$java"
kill "$guard"
`;

/**
 * Starts the emulator on the loopback interface; it holds any number of projects and databases, all empty.
 *
 * @param options.port 0 (the default) picks a free one, and another where that is taken before Java listens
 * @param options.cacheDir where an archive of the emulator's classes is kept, made
 *                          at the first stop (some 30 MB, and 3 s more that once), which halves the time of
 *                          every later start; none without
 * @throws FlError("unavailable") when the port is taken, or with the emulator's last words when it does not
 *   answer; nothing
 * is left running then
 */
export async function startOfficial(
  emulator: OfficialEmulator,
  options: { readonly port?: number; readonly cacheDir?: string } = {},
): Promise<Service> {
  for (let tried = 1; ; tried++) {
    const port = await freePort(options.port);
    try {
      return await startAt(port, emulator, options.cacheDir);
    } catch (error) {
      const isTaken = error instanceof FlError && error.message.includes(portTaken);
      if (!isTaken || port === options.port || tried === mostPorts) throw error;
    }
  }
}

async function startAt(
  port: number,
  emulator: OfficialEmulator,
  cacheDir: string | undefined,
): Promise<Service> {
  const address = `${host}:${port}`;
  const archive = cacheDir === undefined ? undefined : await archiveFor(emulator, cacheDir);
  const flags = archive?.flags ?? ["-XX:TieredStopAtLevel=1"];
  const command = [emulator.javaPath, "-XX:+IgnoreUnrecognizedVMOptions", "-Duser.language=en", ...flags];
  const args = ["-cp", emulator.jarPath, mainClass, `--host=${host}`, `--port=${port}`];
  const child = spawn("sh", ["-c", guardScript, "sh", ...command, ...args], {
    detached: true, // A group of its own: Ctrl-C reaches us alone, and we end it.
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = collectOutput(child);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopGroup(child).then(() => archive?.finish(child.signalCode !== "SIGKILL"));
    return stopped;
  };
  try {
    await answering(`http://${address}/`, child);
  } catch (cause) {
    await stop();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlError("unavailable", `The official Firestore emulator ${why}: ${output().trim()}`, { cause });
  }
  return { name: "firestore", address, env: { FIRESTORE_EMULATOR_HOST: address }, stop };
}

interface Archive {
  readonly flags: readonly string[];
  /** Keeps what a run has recorded, unless it was interrupted. */
  finish(isWhole: boolean): Promise<void>;
}

/**
 * An archive fits one jar and one Java; it is written under a name of our own and renamed, for others may
 * start at the same time.
 */
async function archiveFor(emulator: OfficialEmulator, cacheDir: string): Promise<Archive> {
  const { size, mtimeMs } = await stat(emulator.jarPath);
  const path = join(cacheDir, `firestore-${emulator.javaVersion}-${size}-${Math.floor(mtimeMs)}.jsa`);
  if (existsSync(path)) {
    const flags = [`-XX:SharedArchiveFile=${path}`, "-XX:TieredStopAtLevel=1"];
    return { flags, finish: () => Promise.resolve() };
  }
  await mkdir(cacheDir, { recursive: true });
  const recorded = `${path}.${process.pid}`;
  return {
    flags: [`-XX:ArchiveClassesAtExit=${recorded}`],
    async finish(isWhole) {
      if (isWhole && existsSync(recorded)) await rename(recorded, path);
      await rm(recorded, { force: true });
    },
  };
}

/** The last characters that the child has written. */
function collectOutput(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-keptOutputChars);
    });
  }
  child.on("error", (error) => {
    text += error.message;
  });
  return () => text;
}

/** Resolves once the address answers; throws when the child has ended or the time is up. */
async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + startTimeoutMs;
  while (Date.now() < deadlineMs) {
    if (hasEnded(child)) throw new Error(`ended with ${child.exitCode ?? child.signalCode}`);
    if (await answers(url)) return;
    await sleep(pollMs);
  }
  throw new Error(`did not answer within ${startTimeoutMs} ms`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return (await response.text()).startsWith("Ok");
  } catch {
    return false; // Not listening yet.
  }
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const group = -child.pid;
  const ended = once(child, "exit");
  signal(group, "SIGTERM");
  const kill = setTimeout(() => signal(group, "SIGKILL"), stopGraceMs);
  await ended;
  clearTimeout(kill);
}

function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(group, name);
  } catch (error) {
    // It may have ended by itself, and its end not yet have been reported.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
