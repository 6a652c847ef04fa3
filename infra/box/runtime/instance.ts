// One instance of a function: a functions-framework process in a process group of its own, from its start to
// its end.
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { FlError } from "../../../shared/core/errors.ts";
import type { FunctionSettings } from "./functionSpec.ts";
import { exceededLine, watchMemory } from "./memoryWatch.ts";
import { Throttle } from "./throttle.ts";

/** Production gives a new instance four minutes to listen. */
const startLimitMs = 240_000;
const probeEveryMs = 10;
/**
 * The share of an instance's memory that its JavaScript heap may take; buffers and native code need the rest.
 */
const heapShare = 0.75;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was ended because it took more memory than its function has. */
  readonly isOutOfMemory?: boolean;
}

export interface InstanceOptions {
  readonly id: string;
  readonly settings: FunctionSettings;
  /** What `frameworkProgram` found. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where it listens; at most about 100 bytes. */
  readonly socketPath: string;
  readonly onLine: (line: string) => void;
  /** Called with its process group once it runs, and when that has ended. */
  readonly onSpawn: (pid: number) => void;
  readonly onExit: (pid: number) => void;
}

export class Instance {
  readonly id: string;
  readonly socketPath: string;
  /** Resolves with the milliseconds from spawn to listening; rejects with FlError when it ends before. */
  readonly ready: Promise<number>;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #throttle = new Throttle((name) => this.#signal(name));
  #gone = false;

  constructor(options: InstanceOptions) {
    this.id = options.id;
    this.socketPath = options.socketPath;
    const spawnedMs = performance.now();
    this.#child = spawnFramework(options);
    readLines(this.#child.stdout, options.onLine);
    readLines(this.#child.stderr, options.onLine);
    const { pid } = this.#child;
    if (pid !== undefined) options.onSpawn(pid);
    let isOutOfMemory = false;
    const { memoryMib: limitMib, memoryLookMs: everyMs } = options.settings;
    const stopWatching =
      pid === undefined || everyMs === 0
        ? () => {}
        : watchMemory({
            pid,
            limitMib,
            everyMs,
            onExceeded: (usedMib) => {
              isOutOfMemory = true;
              options.onLine(exceededLine(limitMib, usedMib));
              this.#signal("SIGKILL");
            },
          });
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit) => {
        if (this.#gone) return;
        this.#gone = true;
        this.#throttle.end();
        stopWatching();
        if (pid !== undefined) {
          killGroup(pid, "SIGKILL"); // What the function itself started and left behind.
          options.onExit(pid);
        }
        resolve(exit);
      };
      this.#child.once("exit", (code, signal) => end({ code, signal, isOutOfMemory }));
      this.#child.once("error", (error) => {
        options.onLine(`The process could not be started: ${error.message}`);
        end({ code: null, signal: null });
      });
    });
    this.ready = this.#listening().then(() => performance.now() - spawnedMs);
  }

  /** Gives it 1/`factor` of the time until the function returned is called. */
  slow(factor: number): () => void {
    return this.#throttle.slow(factor);
  }

  /** Ends it at once, as a crash does; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.exited;
  }

  /**
   * Asks it to end (SIGTERM) and ends it when it has not within the grace period; resolves when it is gone.
   */
  async stop(graceMs: number): Promise<void> {
    this.#throttle.end();
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  #signal(name: NodeJS.Signals): void {
    if (!this.#gone && this.#child.pid !== undefined) killGroup(this.#child.pid, name);
  }

  async #listening(): Promise<void> {
    const limit = performance.now() + startLimitMs;
    while (!this.#gone && !(await accepts(this.socketPath))) {
      if (performance.now() > limit) {
        await this.kill();
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, probeEveryMs));
    }
    if (this.#gone) {
      throw new FlError("unavailable", `Instance ${this.id} ended before it listened: see its log.`);
    }
  }
}

function spawnFramework({ settings, program, env, socketPath }: InstanceOptions): ChildProcess {
  // An option of the command line would take the place of the function's own.
  const hasHeap = env["NODE_OPTIONS"]?.includes("--max-old-space-size") === true;
  const args = [
    ...(hasHeap ? [] : [`--max-old-space-size=${Math.floor(settings.memoryMib * heapShare)}`]),
    ...settings.execArgv,
    program,
    `--target=${settings.target}`,
    `--source=${settings.sourceDir}`,
    `--port=${socketPath}`,
  ];
  return spawn(process.execPath, args, {
    cwd: settings.sourceDir,
    // A process group of its own: signals reach all of it, and Ctrl-C in the terminal none of it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited(["PATH", "HOME", "TMPDIR", "LANG"]),
      NODE_ENV: "production",
      PORT: "8080", // As in production; where it listens here is the framework's --port.
      K_SERVICE: settings.name,
      K_REVISION: `${settings.name}-00001-box`,
      K_CONFIGURATION: settings.name,
      FUNCTION_TARGET: settings.target,
      FUNCTION_SIGNATURE_TYPE: "http",
      CLOUD_RUN_TIMEOUT_SECONDS: String(settings.timeoutSeconds),
      ...env,
    },
  });
}

/**
 * The main program of the framework that the function itself finds; another copy would not see what the
 * function registers.
 *
 * @throws FlError("failed-precondition") when there is none.
 */
export function frameworkProgram(sourceDir: string): string {
  try {
    const require = createRequire(join(sourceDir, "index.js"));
    return join(dirname(require.resolve("@google-cloud/functions-framework")), "main.js");
  } catch (cause) {
    const message = `No @google-cloud/functions-framework can be found from ${sourceDir}: install the dependencies.`;
    throw new FlError("failed-precondition", message, { cause });
  }
}

function inherited(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", onLine);
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // macOS says EPERM of a group that has ended but was not collected yet.
    const gone =
      error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM");
    if (!gone) throw error;
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
