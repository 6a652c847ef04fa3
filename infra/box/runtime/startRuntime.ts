// Cloud Run functions on this machine: one address a function, behind it functions-framework processes that
// are started on demand, given requests up to their concurrency, and ended when idle.
//
// What it does not do, and production does:
// - TLS, HTTP/2, WebSockets, trailers, events;
// - limit the CPU of an instance, freeze it between requests, or give it a file system of its own, which
//   would count as memory; its memory is looked at a few times a second, so that a short peak is not seen;
// - scale ahead of demand, or end and replace healthy instances now and then; it knows one revision and
//   sends no X-Cloud-Trace-Context;
// - answer a crash with anything but 500 (production answers 500, 502 or 503).
// Instances listen on Unix sockets (the framework's --port takes one), so no port of theirs can clash or be
// reached by others; PORT says 8080 as in production. As there, a request that is cut at its time limit or
// left by its caller frees its place while its handler goes on.
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import type { Service } from "../service.ts";
import type { FunctionStats, LogLine, RuntimeEvent } from "./events.ts";
import { FaultPlan, type FaultRule } from "./faults.ts";
import { type FunctionSpec, functionSettings } from "./functionSpec.ts";
import { HostedFunction } from "./hostedFunction.ts";
import { frameworkProgram } from "./instance.ts";
import { startReaper } from "./startReaper.ts";
import { Starts } from "./starts.ts";

/** Cloud Run gives an instance 10 s between SIGTERM and SIGKILL. */
const defaultGraceSeconds = 10;
/** A Unix socket's path has at most 103 bytes on macOS; 8 of them are for the socket's own name. */
const maxFolderBytes = 95;

export interface RuntimeOptions {
  /** At least one; names are unique. */
  readonly functions: readonly FunctionSpec[];
  readonly faults?: readonly FaultRule[];
  /** Seed of the faults. Default 0. */
  readonly seed?: number;
  /** Between SIGTERM and SIGKILL. Default 10. */
  readonly graceSeconds?: number;
  readonly onLog?: (line: LogLine) => void;
  readonly onEvent?: (event: RuntimeEvent) => void;
}

export interface FunctionsRuntime extends Service {
  readonly name: "functions";
  /** Address of a function, such as `http://127.0.0.1:4711`. Throws `not-found`. */
  url(functionName: string): string;
  /** Every function so far, by name. */
  stats(): Readonly<Record<string, FunctionStats>>;
  /**
   * Ends the instances that serve nothing, of one function or of all, so that the next request is a cold
   * start.
   */
  scaleDown(functionName?: string): Promise<void>;
}

/**
 * Starts the runtime: all addresses first, so that every function's environment can hold them, then the
 * instances that are always kept. `env` has the address of each function (`COORDINATOR_URL`); `address` is
 * that of the first.
 *
 * `stop` ends every instance (SIGTERM, then SIGKILL); requests on their way are answered 500 or cut.
 * Instances end also when this process is killed.
 *
 * @throws FlError("invalid-argument") for settings or rules out of range, ("failed-precondition") when the
 *   framework is not installed, ("unavailable") when a port is taken or an instance that is always kept does
 *   not start.
 */
export async function startRuntime(options: RuntimeOptions): Promise<FunctionsRuntime> {
  const specs = options.functions.map((spec) => {
    const settings = functionSettings(spec);
    return { spec, settings, program: frameworkProgram(settings.sourceDir) };
  });
  const names = specs.map(({ settings }) => settings.name);
  if (names.length === 0 || new Set(names).size < names.length) {
    throw new FlError(
      "invalid-argument",
      `A runtime needs functions with unique names, not: ${names.join(", ")}.`,
    );
  }
  const faults = new FaultPlan(options.faults ?? [], options.seed ?? 0);
  const folder = socketFolder();
  const reaper = startReaper(folder);
  const starts = new Starts();
  const urls: Record<string, string> = {};
  let sockets = 0;
  const functions = specs.map(
    (of) =>
      new HostedFunction({
        ...of,
        faults,
        nextSocketPath: () => join(folder, String(sockets++)),
        reaper,
        starts,
        urls,
        graceMs: (options.graceSeconds ?? defaultGraceSeconds) * 1_000,
        onLog: options.onLog ?? (() => {}),
        onEvent: options.onEvent ?? (() => {}),
      }),
  );
  const stopAll = async () => {
    await Promise.all(functions.map((hosted) => hosted.stop()));
    await reaper.stop();
  };
  const addresses: string[] = [];
  try {
    for (const hosted of functions) {
      const address = await hosted.listen();
      addresses.push(address);
      urls[hosted.name] = `http://${address}`;
    }
    await Promise.all(functions.map((hosted) => hosted.fill()));
  } catch (error) {
    await stopAll();
    throw error;
  }

  const hostedBy = (name: string): HostedFunction => {
    const hosted = functions.find((candidate) => candidate.name === name);
    if (hosted === undefined)
      throw new FlError("not-found", `There is no function ${name}, only ${names.join(", ")}.`);
    return hosted;
  };
  let stopped: Promise<void> | undefined;
  return {
    name: "functions",
    address: addresses[0] ?? "",
    env: Object.fromEntries(Object.entries(urls).map(([name, url]) => [variableOf(name), url])),
    url: (name) => urls[hostedBy(name).name] ?? "",
    stats: () => Object.fromEntries(functions.map((hosted) => [hosted.name, hosted.stats])),
    scaleDown: async (name) => {
      const chosen = name === undefined ? functions : [hostedBy(name)];
      await Promise.all(chosen.map((hosted) => hosted.scaleDown()));
    },
    stop: () => {
      stopped ??= stopAll();
      return stopped;
    },
  };
}

function variableOf(functionName: string): string {
  return `${functionName.toUpperCase().replaceAll("-", "_")}_URL`;
}

/** A folder for the sockets that only this user can enter. */
function socketFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fedstratus-"));
  if (Buffer.byteLength(folder) > maxFolderBytes) {
    rmdirSync(folder);
    throw new FlError(
      "failed-precondition",
      `${folder} is too long a path for Unix sockets: set TMPDIR to a shorter one.`,
    );
  }
  return folder;
}
